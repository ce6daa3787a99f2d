// Keys: every screen names what its keys do; while somebody types, they type.
const layers = [];

/** Makes keys work until the returned function is called; the newest layer hears first. */
export function listenToKeys(keys) {
  layers.push(keys);
  return () => {
    const at = layers.indexOf(keys);
    if (at >= 0) layers.splice(at, 1);
  };
}

let before = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const on = event.target;
  if (on.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], .menu")) return;
  const pair = `${before} ${event.key}`;
  before = event.key;
  for (const keys of [...layers].reverse()) {
    const act = keys[pair] ?? keys[event.key];
    if (act && act(event) !== false) {
      event.preventDefault();
      return;
    }
    if (keys.alone) return;
  }
});
