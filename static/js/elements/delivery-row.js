import { announce } from "../lib/announce.js";

/* What each recipient's row last said and whether it was unfolded: the rows themselves are replaced when one changes. */
/** @type {Map<string, {sentence: string, isOpen: boolean}>} */
const known = new Map();

/** What became of a message for one recipient: says aloud, and draws in, a proof that has just arrived. */
class DeliveryRow extends HTMLElement {
  connectedCallback() {
    const key = this.dataset.key ?? "";
    const details = this.querySelector("details");
    const sentence = this.querySelector(".truth")?.textContent?.trim() ?? "";
    const before = known.get(key);
    if (!details) return;
    if (before) details.open = before.isOpen;
    known.set(key, { sentence, isOpen: details.open });
    details.addEventListener("toggle", () => known.set(key, { sentence, isOpen: details.open }));
    if (before && before.sentence !== sentence) {
      this.classList.add("is-new");
      announce(`${this.dataset.name} : ${sentence}`);
    }
  }
}

customElements.define("delivery-row", DeliveryRow);
