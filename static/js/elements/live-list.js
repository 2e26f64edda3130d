import { announce } from "../lib/announce.js";
import { showUnread } from "../lib/unread.js";

const SEEN_MS = 4000;
const HIDDEN_MS = 30000;
const PATIENCE = 3;

/** A list that stays up to date without ever moving what is under the hand. */
class LiveList extends HTMLElement {
  connectedCallback() {
    this.querySelector("[data-live-show]")?.addEventListener("click", () => this.#insert({ takeFocus: true }));
    document.addEventListener("visibilitychange", this.#onVisibility);
    this.#schedule();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#onVisibility);
  }

  #timer = 0;
  #failures = 0;
  #isAsking = false;
  /** @type {HTMLElement | null} */
  #pending = null;
  #pendingCount = 0;

  #onVisibility = () => {
    if (!document.hidden) this.#ask();
  };

  #schedule() {
    clearTimeout(this.#timer);
    const isSlow = document.hidden || this.#failures >= PATIENCE;
    this.#timer = setTimeout(() => this.#ask(), isSlow ? HIDDEN_MS : SEEN_MS);
  }

  /** Ask for what is newer than what is held, shown or pending. */
  async #ask() {
    const url = (this.#pending ?? this.querySelector("#rows"))?.dataset.liveUrl;
    if (!url || this.#isAsking) return;
    this.#isAsking = true;
    try {
      const answer = await fetch(url, { headers: { "HX-Request": "true" }, cache: "no-store" });
      if (answer.redirected || answer.status === 401 || answer.status === 403) return this.#end();
      if (!answer.ok) throw new TypeError(`status ${answer.status}`);
      await this.#take(answer);
      this.#failures = 0;
    } catch (error) {
      // fetch gives TypeError when the network fails; anything else is a fault of ours and must be seen.
      if (!(error instanceof TypeError)) throw error;
      this.#failures += 1;
    } finally {
      this.#isAsking = false;
    }
    this.#tell("[data-live-stale]", this.#failures >= PATIENCE);
    this.#schedule();
  }

  /** @param {Response} answer */
  async #take(answer) {
    const unread = answer.headers.get("X-Unread");
    if (unread !== null) showUnread(Number(unread));
    if (answer.status === 204) return;
    const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
    const rows = parsed.getElementById("rows");
    if (!rows) return this.#end();
    this.#pending = rows;
    this.#pendingCount += Number(answer.headers.get("X-New-Count") ?? 0);
    if (this.#pendingCount) announce(this.#countInWords());
    if (this.#isSameOrder() || (this.#isAtTop() && !this.#isInUse())) return this.#insert({ takeFocus: false });
    this.#tell("[data-live-show]", true);
    this.querySelector("[data-live-text]").textContent = this.#countInWords();
  }

  #countInWords() {
    const text = this.#pendingCount > 1 ? this.dataset.many : this.dataset.one;
    return text.replace("{n}", String(this.#pendingCount));
  }

  /** @param {ParentNode | null} root */
  #links(root) {
    return [...(root?.querySelectorAll("[data-row]") ?? [])].map((row) => row.getAttribute("href"));
  }

  /** Nothing moves when the same conversations stand in the same order: only their words changed. */
  #isSameOrder() {
    return this.#links(this).join("\n") === this.#links(this.#pending).join("\n");
  }

  #isAtTop() {
    return this.scrollTop + window.scrollY < 24;
  }

  #isInUse() {
    return this.matches(":hover") || this.contains(document.activeElement);
  }

  /** @param {{takeFocus: boolean}} options */
  #insert({ takeFocus }) {
    const rows = this.#pending;
    if (!rows) return;
    const focused = document.activeElement?.closest("[data-row]")?.getAttribute("href");
    const open = this.querySelector("[data-row][aria-current]")?.getAttribute("href");
    this.querySelector("#rows")?.replaceWith(rows);
    this.#pending = null;
    this.#pendingCount = 0;
    this.#tell("[data-live-show]", false);
    const find = (href) => [...rows.querySelectorAll("[data-row]")].find((row) => row.getAttribute("href") === href);
    if (open) find(open)?.setAttribute("aria-current", "true");
    if (takeFocus) {
      this.scrollTo({ top: 0 });
      rows.querySelector("[data-row]")?.focus();
    } else if (focused) find(focused)?.focus({ preventScroll: true });
    const count = document.querySelector("[data-list-count]");
    if (count && rows.dataset.count) count.textContent = rows.dataset.count;
  }

  /** The session is over: say so and stop asking. */
  #end() {
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#onVisibility);
    this.#tell("[data-live-ended]", true);
  }

  /**
   * @param {string} selector
   * @param {boolean} isShown
   */
  #tell(selector, isShown) {
    const line = this.querySelector(selector);
    if (line) line.hidden = !isShown;
  }
}

customElements.define("live-list", LiveList);
