const PREFERENCE = "single-letter-keys";

/** Whether the person let single letters act (WCAG 2.1.4). Only this preference is stored, nothing of a message. */
function areSingleKeysOn() {
  return localStorage.getItem(PREFERENCE) !== "off";
}

/**
 * Whether a key is meant for a field, a control with keys of its own, or an open dialog.
 * @param {EventTarget | null} target
 * @returns {boolean}
 */
function isTaken(target) {
  const inField = target instanceof Element && target.closest("input, select, textarea, [contenteditable]");
  return Boolean(inField) || document.querySelector("dialog[open]") !== null;
}

/** The keyboard of the work pages: J and K walk the list, single letters follow the link marked with their data-key. */
class KeyboardList extends HTMLElement {
  connectedCallback() {
    document.addEventListener("keydown", this.#onKey);
    this.#dialog = this.querySelector("#keys");
    for (const button of this.querySelectorAll("[data-keys-open]")) {
      button.addEventListener("click", () => this.#dialog?.showModal());
    }
    const single = this.querySelector("[data-keys-single]");
    if (single) {
      single.checked = areSingleKeysOn();
      single.addEventListener("change", () => localStorage.setItem(PREFERENCE, single.checked ? "on" : "off"));
    }
    this.querySelector("[data-row][aria-current]")?.scrollIntoView({ block: "nearest" });
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#onKey);
  }

  /** @type {HTMLDialogElement | null} */
  #dialog = null;

  /** @param {KeyboardEvent} event */
  #onKey = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTaken(event.target)) return;
    const key = event.key.toLowerCase();
    if (key !== "escape" && !areSingleKeysOn()) return;
    if (this.#act(key)) event.preventDefault();
  };

  /**
   * Do what a key stands for; answers whether it stood for anything.
   * @param {string} key
   * @returns {boolean}
   */
  #act(key) {
    if (key === "j" || key === "k") return this.#step(key === "j" ? 1 : -1);
    if (key === "?") {
      this.#dialog?.showModal();
      return this.#dialog !== null;
    }
    if (!["c", "r", "a", "escape"].includes(key)) return false;
    const link = this.querySelector(`[data-key="${key}"]`);
    link?.click();
    return link !== null;
  }

  /**
   * Move to the next or the previous row; begins at the open one.
   * @param {number} direction
   * @returns {boolean}
   */
  #step(direction) {
    const rows = [...this.querySelectorAll("[data-row]")].filter((row) => row.checkVisibility());
    if (rows.length === 0) return false;
    const here = rows.indexOf(document.activeElement);
    const start = here >= 0 ? here : rows.findIndex((row) => row.hasAttribute("aria-current"));
    const next = start < 0 ? 0 : Math.min(Math.max(start + direction, 0), rows.length - 1);
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
    return true;
  }
}

customElements.define("keyboard-list", KeyboardList);
