/* Ctrl+Enter, or Cmd+Enter, sends: the habit of every other mail program. */

/**
 * Let the key press the form's button, with all that hangs on it.
 * @param {HTMLFormElement} form
 */
export function sendOnCtrlEnter(form) {
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("button[value=send]"));
  });
}
