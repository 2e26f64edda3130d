import { encodedSize, sizeInWords } from "../lib/sizes.js";

const ADDRESS = /[^\s<>,;"]+@[^\s<>,;"]+/g;

/** What is checked before sending, while one writes: how many recipients, what size once encoded. It blocks nothing. */
class SendCheck extends HTMLElement {
  connectedCallback() {
    this.#form = this.closest("form");
    this.#form.addEventListener("input", this.#update);
    this.#form.addEventListener("files-changed", this.#update);
    const meter = this.querySelector("meter");
    const limit = Number(this.dataset.limit);
    meter.low = limit * 0.8;
    meter.high = limit * 0.95;
    meter.optimum = 0;
    this.#update();
  }

  /** @type {HTMLFormElement} */
  #form;

  #update = () => {
    this.#countPeople();
    this.#weigh();
  };

  /**
   * @param {string} name
   * @returns {string}
   */
  #value(name) {
    const field = this.#form.elements.namedItem(name);
    return field && "value" in field ? field.value : "";
  }

  #countPeople() {
    const addresses = `${this.#value("to")},${this.#value("cc")}`.match(ADDRESS) ?? [];
    const count = new Set(addresses.map((address) => address.toLowerCase())).size;
    const { item, text } = this.#parts("people");
    const words = count === 0 ? text.dataset.none : count === 1 ? text.dataset.one : text.dataset.many;
    text.textContent = words.replace("{n}", String(count));
    item.classList.toggle("is-ok", count > 0);
    item.classList.toggle("is-todo", count === 0);
  }

  #weigh() {
    const limit = Number(this.dataset.limit);
    const input = this.#form.elements.namedItem("attachments");
    const files = input instanceof HTMLInputElement && input.files ? input.files : [];
    const body = new Blob([this.#value("body")]).size;
    const stored = Number(this.#form.querySelector("[data-stored]")?.dataset.stored ?? 0);
    const size = stored + encodedSize(files) + body;
    const { item, text } = this.#parts("size");
    const isOver = size > limit;
    text.textContent = (isOver ? text.dataset.over : text.dataset.sum).replace("{size}", sizeInWords(size));
    item.classList.toggle("is-ok", !isOver);
    item.classList.toggle("is-over", isOver);
    item.querySelector("meter").value = size;
  }

  /** @param {string} name */
  #parts(name) {
    const item = this.querySelector(`[data-check="${name}"]`);
    return { item, text: item.querySelector("[data-text]") };
  }
}

customElements.define("send-check", SendCheck);
