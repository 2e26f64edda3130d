const QUIET_MS = 1500;
const PACE_MS = 3000;
const RETRY_MS = 5000;
const LIMIT_MS = 15000;

/** Keeps a draft as it is written: no text is held anywhere but on the page and, once saved, on the server. */
class DraftAutosave extends HTMLElement {
  connectedCallback() {
    this.#form = this.querySelector("form");
    this.#form.addEventListener("input", this.#onInput);
    this.#form.addEventListener("submit", this.#onSubmit);
    window.addEventListener("beforeunload", this.#onLeave);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    window.removeEventListener("beforeunload", this.#onLeave);
  }

  /** @type {HTMLFormElement} */
  #form;
  #timer = 0;
  #version = 0;
  #savedVersion = 0;
  #lastSave = 0;
  #isLeaving = false;
  /** @type {Promise<void> | null} */
  #saving = null;

  /** @param {Event} event */
  #onInput = (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === "file") return;
    this.#version += 1;
    this.#schedule(Math.max(QUIET_MS, PACE_MS - (Date.now() - this.#lastSave)));
  };

  /** @param {BeforeUnloadEvent} event */
  #onLeave = (event) => {
    if (!this.#isLeaving && this.#version !== this.#savedVersion) event.preventDefault();
  };

  /**
   * A save under way must give its draft number first: else the form would make a second draft.
   * @param {SubmitEvent} event
   */
  #onSubmit = async (event) => {
    clearTimeout(this.#timer);
    this.#isLeaving = true;
    if (!this.#saving) return;
    event.preventDefault();
    await this.#saving;
    clearTimeout(this.#timer);
    this.#form.requestSubmit(event.submitter);
  };

  /** @param {number} delay */
  #schedule(delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), delay);
  }

  #save() {
    if (this.#saving || this.#isLeaving) return;
    this.#saving = this.#send().finally(() => {
      this.#saving = null;
    });
  }

  async #send() {
    const version = this.#version;
    const fields = new FormData(this.#form);
    fields.delete("attachments");
    this.#lastSave = Date.now();
    this.#say(this.dataset.saving, false);
    try {
      const answer = await fetch(this.dataset.url, {
        method: "POST",
        body: fields,
        headers: { Accept: "application/json" },
        signal: AbortSignal.timeout(LIMIT_MS),
      });
      await this.#take(answer, version);
    } catch (error) {
      // No network (TypeError) or no answer in time (DOMException): anything else is a fault of ours and must be seen.
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
      this.#retry(this.dataset.failed);
    }
  }

  /**
   * @param {Response} answer
   * @param {number} version
   */
  async #take(answer, version) {
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    if (answer.redirected || answer.status === 401 || answer.status === 403) return this.#retry(this.dataset.ended);
    if (!isJson) return this.#retry(this.dataset.failed);
    const { draft, saved, error } = await answer.json();
    if (draft) this.#form.elements.namedItem("draft").value = draft;
    if (error || !answer.ok) return this.#say(error || this.dataset.failed, true);
    this.#savedVersion = version;
    this.#say(saved, false);
    if (this.#version !== version) this.#schedule(PACE_MS);
  }

  /** @param {string} sentence */
  #retry(sentence) {
    this.#say(sentence, true);
    this.#schedule(RETRY_MS);
  }

  /**
   * @param {string} sentence
   * @param {boolean} isLate
   */
  #say(sentence, isLate) {
    const place = this.querySelector("[data-saved]");
    if (!place) return;
    if (place.textContent !== sentence) place.textContent = sentence;
    place.classList.toggle("is-late", isLate);
  }
}

customElements.define("draft-autosave", DraftAutosave);
