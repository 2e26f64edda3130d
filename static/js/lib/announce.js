/* The one polite live region of a page. */

/**
 * Let a screen reader say a sentence when it has finished its own.
 * @param {string} sentence
 */
export function announce(sentence) {
  const region = document.getElementById("announce");
  if (region) region.textContent = sentence;
}
