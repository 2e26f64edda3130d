/* The scripts of the product: each custom element serves one thing HTML cannot do. Without them every page still works. */
import "./elements/delivery-row.js";
import "./elements/draft-autosave.js";
import "./elements/file-drop.js";
import "./elements/keyboard-list.js";
import "./elements/live-list.js";
import "./elements/mail-frame.js";
import "./elements/send-check.js";
