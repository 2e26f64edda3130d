import { sendOnCtrlEnter } from "../lib/send-key.js";

const QUIET_MS = 1500;
const PACE_MS = 3000;
const RETRY_MS = 5000;
const LIMIT_MS = 15000;
const SLOWEST = 50; /* Bytes a millisecond: time is given to documents in proportion. */

/** Keeps a draft as it is written, documents too: nothing is held anywhere but on the page and, once saved, on the server. */
class DraftAutosave extends HTMLElement {
  connectedCallback() {
    this.#form = this.querySelector("form");
    this.#drop = this.querySelector("file-drop");
    this.#isStopped = this.querySelector("[data-conflict]").childElementCount > 0;
    this.#form.addEventListener("input", this.#onInput);
    this.#form.addEventListener("files-changed", this.#onFiles);
    sendOnCtrlEnter(this.#form);
    this.#form.addEventListener("submit", this.#onSubmit);
    window.addEventListener("beforeunload", this.#onLeave);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    window.removeEventListener("beforeunload", this.#onLeave);
  }

  /** @type {HTMLFormElement} */
  #form;
  #drop;
  #timer = 0;
  #edit = 0;
  #savedEdit = 0;
  #lastSave = 0;
  #isLeaving = false;
  #isStopped = false;
  /** @type {Promise<void> | null} */
  #saving = null;

  /** @param {Event} event */
  #onInput = (event) => {
    if (event.target instanceof HTMLInputElement && event.target.type === "file") return;
    this.#edit += 1;
    this.#schedule(Math.max(QUIET_MS, PACE_MS - (Date.now() - this.#lastSave)));
  };

  #onFiles = () => {
    if (this.#drop.ready.length === 0) return;
    this.#edit += 1;
    this.#schedule(0);
  };

  /** @param {BeforeUnloadEvent} event */
  #onLeave = (event) => {
    const isUnsaved = this.#isStopped || this.#edit !== this.#savedEdit || this.#drop.isHolding;
    if (!this.#isLeaving && isUnsaved) event.preventDefault();
  };

  /**
   * A save under way must give its draft number and version first: else the form would compete with it.
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
    if (this.#saving || this.#isLeaving || this.#isStopped) return;
    this.#saving = this.#send().finally(() => {
      this.#saving = null;
    });
  }

  async #send() {
    const edit = this.#edit;
    const fields = new FormData(this.#form);
    const files = this.#drop.ready;
    if (files.length === 0) fields.delete("attachments");
    const weight = files.reduce((sum, file) => sum + file.size, 0);
    this.#lastSave = Date.now();
    this.#say(this.dataset.saving, false);
    try {
      const answer = await fetch(this.dataset.url, {
        method: "POST",
        body: fields,
        headers: { Accept: "application/json" },
        signal: AbortSignal.timeout(LIMIT_MS + weight / SLOWEST),
      });
      await this.#take(answer, edit, files);
    } catch (error) {
      // No network (TypeError) or no answer in time (DOMException): anything else is a fault of ours and must be seen.
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
      this.#retry(this.dataset.failed);
    }
  }

  /** Learn from the answer to the save of ``edit``, which took ``files`` along. */
  async #take(answer, edit, files) {
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    if (answer.redirected || answer.status === 401 || answer.status === 403) return this.#retry(this.dataset.ended);
    if (answer.status === 400 || answer.status === 413) return this.#say(this.dataset.tooBig, true);
    if (!isJson) return this.#retry(this.dataset.failed);
    const { draft, version, saved, error, ...parts } = await answer.json();
    if (answer.status === 409) return this.#stop(error, parts.conflict_html);
    this.#form.elements.namedItem("draft").value = draft;
    this.#form.elements.namedItem("version").value = version;
    this.#savedEdit = edit;
    this.#drop.settle(files, parts.files_html, error);
    this.#say(saved, false);
    if (this.#edit !== edit) this.#schedule(this.#drop.ready.length ? 0 : PACE_MS);
  }

  /** Nothing more is saved by itself: the page says why and offers what can be done. */
  #stop(sentence, html) {
    this.#isStopped = true;
    this.#say(sentence, true);
    this.querySelector("[data-conflict]").replaceChildren(document.createRange().createContextualFragment(html));
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
