/* Sizes of documents as they will travel. */

/* Base64 writes four bytes for three and a line end every 76 (RFC 2045 §6.8): 1.37 times the file. */
const ENCODED = 1.37;

/**
 * Bytes a set of files takes once encoded.
 * @param {Iterable<File>} files
 * @returns {number}
 */
export function encodedSize(files) {
  return Math.ceil([...files].reduce((sum, file) => sum + file.size, 0) * ENCODED);
}

/**
 * A size in the words of the page's language: "84 ko", "6,2 Mo".
 * @param {number} bytes
 * @returns {string}
 */
export function sizeInWords(bytes) {
  const isLarge = bytes >= 1_000_000;
  return new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit: isLarge ? "megabyte" : "kilobyte",
    unitDisplay: "short",
    maximumFractionDigits: isLarge ? 1 : 0,
  }).format(isLarge ? bytes / 1_000_000 : Math.max(1, bytes / 1000));
}
