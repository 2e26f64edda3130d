/* How many messages wait, wherever the page says it: side bar, dock, title of the tab. Numbers only, never content. */

/**
 * Show a count of unread messages.
 * @param {number} count
 */
export function showUnread(count) {
  for (const badge of document.querySelectorAll("[data-unread]")) {
    badge.hidden = count === 0;
    badge.querySelector("[data-number]").textContent = String(count);
  }
  const title = document.title.replace(/^\(\d+\) /, "");
  document.title = count ? `(${count}) ${title}` : title;
}
