import { announce } from "../lib/announce.js";
import { sizeInWords } from "../lib/sizes.js";

/**
 * Documents dropped on the form, pasted into it or picked: shown with their size before they leave, and taken out again.
 * The plain file input keeps them all, so that the form is sent as it would be without this.
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
    const isKnown = (file) =>
      this.#files.some(
        (old) => old.name === file.name && old.size === file.size && old.lastModified === file.lastModified,
      );
    this.#files.push(...[...files].filter((file) => !isKnown(file)));
    this.#show();
  }

  /** @param {File} file */
  #remove(file) {
    this.#files = this.#files.filter((other) => other !== file);
    this.#show();
    this.#input.focus();
  }

  /** Hand the files back to the input, draw them, and let the other parts of the form know. */
  #show() {
    const transfer = new DataTransfer();
    for (const file of this.#files) transfer.items.add(file);
    this.#input.files = transfer.files;
    const list = this.querySelector("[data-chosen]");
    list.hidden = this.#files.length === 0;
    list.replaceChildren(...this.#files.map((file) => this.#row(file)));
    announce(this.#files.map((file) => `${file.name}, ${sizeInWords(file.size)}`).join("; "));
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
