// Runs when the addon could not be built while npm installs vkrun. The installation goes on: only what needs
// the addon is missing, and says so (ERR_VKRUN_ADDON_MISSING) when it is asked for.
console.warn(
  [
    "vkrun: the native addon was not built, so vkrun works with these limits:",
    "  - disk images are not locked against a second vkrun or QEMU that writes them;",
    "  - a guest that reboots does not give its memory back to the host, and resident memory is not reported;",
    "  - there is no --net tap, and no pseudoterminal.",
    "To build it, install python3, make and g++ (Debian: apt-get install python3 make g++), then: npm rebuild vkrun",
  ].join("\n"),
);
