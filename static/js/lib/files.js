/* Files as people choose them. */

/**
 * Whether two files are the same choice, made twice.
 * @param {File} one
 * @param {File} other
 * @returns {boolean}
 */
export function isSameFile(one, other) {
  return one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
}
