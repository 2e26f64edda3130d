/** The frame of an HTML message: fixed height, enlarged and reduced by a button. It never looks into the frame. */
class MailFrame extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("[data-frame-toggle]");
    const label = button?.querySelector("span");
    if (!button || !label) return;
    const more = label.textContent;
    button.hidden = false;
    button.addEventListener("click", () => {
      const isLarge = this.classList.toggle("is-large");
      button.setAttribute("aria-expanded", String(isLarge));
      label.textContent = isLarge ? button.dataset.less : more;
      if (isLarge) this.scrollIntoView({ block: "nearest" });
    });
  }
}

customElements.define("mail-frame", MailFrame);
