import { announce } from "../lib/announce.js";
import { isSameFile } from "../lib/files.js";
import { encodedSize, sizeInWords } from "../lib/sizes.js";

/**
 * Documents dropped on the form, pasted into it or picked: shown with their size until the draft keeps them, or taken out
 * again. The plain file input holds those not kept yet, so that the form is sent as it would be without this.
 */
class FileDrop extends HTMLElement {
  connectedCallback() {
    this.#input = this.querySelector("input[type=file]");
    this.#form = this.closest("form");
    this.#input.addEventListener("change", () => this.#add(this.#input.files));
    this.#form.addEventListener("dragover", this.#onDragOver);
    this.#form.addEventListener("dragleave", this.#onDragLeave);
    this.#form.addEventListener("drop", this.#onDrop);
    this.#form.addEventListener("paste", this.#onPaste);
    const hint = this.querySelector("[data-hint]");
    if (hint) hint.hidden = false;
    this.#input.classList.add("is-served");
  }

  /** @type {HTMLInputElement} */
  #input;
  /** @type {HTMLFormElement} */
  #form;
  /** @type {File[]} */
  #files = [];
  #isRefused = false;
  #kept = "";

  /**
   * What the draft can take now: nothing once refused, until the choice changes.
   * @returns {File[]}
   */
  get ready() {
    return this.#isRefused ? [] : this.#files;
  }

  /** Whether documents lie on this page only. */
  get isHolding() {
    return this.#files.length > 0;
  }

  /**
   * The answer of a save that took ``files`` along: what the draft keeps now, and why it does not keep those.
   * @param {File[]} files
   * @param {string} html
   * @param {string} error
   */
  settle(files, html, error) {
    if (html !== this.#kept) {
      this.#kept = html;
      const rows = document.createRange().createContextualFragment(html);
      this.querySelector("[data-kept]").replaceChildren(rows);
    }
    if (error) this.#refuse(error);
    else if (files.length > 0)
      this.#files = this.#files.filter((file) => !files.some((sent) => isSameFile(sent, file)));
    if (error || files.length > 0) this.#draw();
  }

  /** @param {string} sentence */
  #refuse(sentence) {
    const place = this.querySelector("[data-refused]");
    this.#isRefused = sentence !== "";
    place.hidden = !this.#isRefused;
    place.querySelector("span").textContent = sentence;
  }

  /** @param {DragEvent} event */
  #onDragOver = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.classList.add("is-dropping");
  };

  /** @param {DragEvent} event */
  #onDragLeave = (event) => {
    const isOutside = !(event.relatedTarget instanceof Node) || !this.#form.contains(event.relatedTarget);
    if (isOutside) this.classList.remove("is-dropping");
  };

  /** @param {DragEvent} event */
  #onDrop = (event) => {
    this.classList.remove("is-dropping");
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    this.#add(event.dataTransfer.files);
  };

  /** @param {ClipboardEvent} event */
  #onPaste = (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    this.#add(event.clipboardData.files);
  };

  /** @param {Iterable<File>} files */
  #add(files) {
    this.#choose([...this.#files, ...[...files].filter((file) => !this.#files.some((old) => isSameFile(old, file)))]);
  }

  /** @param {File} file */
  #remove(file) {
    this.#choose(this.#files.filter((other) => other !== file));
    this.#input.focus();
  }

  /** @param {File[]} files */
  #choose(files) {
    this.#files = files;
    const stored = Number(this.querySelector("[data-stored]")?.dataset.stored ?? 0);
    const isTooBig = stored + encodedSize(files) > Number(this.dataset.limit);
    this.#refuse(files.length > 0 && isTooBig ? this.dataset.tooBig : "");
    announce(files.map((file) => `${file.name}, ${sizeInWords(file.size)}`).join("; "));
    this.#draw();
  }

  /** Hand the files back to the input, draw them, and let the other parts of the form know. */
  #draw() {
    const transfer = new DataTransfer();
    for (const file of this.#files) transfer.items.add(file);
    this.#input.files = transfer.files;
    const list = this.querySelector("[data-chosen]");
    list.hidden = this.#files.length === 0;
    list.replaceChildren(...this.#files.map((file) => this.#row(file)));
    this.#form.dispatchEvent(new CustomEvent("files-changed"));
  }

  /**
   * @param {File} file
   * @returns {Node}
   */
  #row(file) {
    const row = this.querySelector("template").content.cloneNode(true);
    row.querySelector(".file__n").textContent = file.name;
    row.querySelector(".meta").textContent = sizeInWords(file.size);
    const button = row.querySelector("button");
    button.setAttribute("aria-label", button.dataset.label.replace("{name}", file.name));
    button.addEventListener("click", () => this.#remove(file));
    return row;
  }
}

customElements.define("file-drop", FileDrop);
