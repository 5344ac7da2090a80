/** Order of Debian version numbers: deb-version(7), "Sorting algorithm". */

/** Negative, zero or positive, for `Array.sort`. For kernels, "-rc" sorts before the release, as linux-version(1) has it. */
export function compareKernelVersions(a: string, b: string): number {
  return compareVersions(a.replace(/-rc(?=\d)/g, "~rc"), b.replace(/-rc(?=\d)/g, "~rc"));
}

/** Compares runs of non-digits by character weight, then runs of digits by value, and so on to the end. */
export function compareVersions(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const difference = weight(a, i) - weight(b, j);
      if (difference !== 0) return difference;
      i++;
      j++;
    }
    while (a[i] === "0") i++;
    while (b[j] === "0") j++;
    let difference = 0;
    while (isDigit(a, i) && isDigit(b, j)) {
      if (difference === 0) difference = a.charCodeAt(i) - b.charCodeAt(j);
      i++;
      j++;
    }
    // The number with more digits is the larger one.
    if (isDigit(a, i)) return 1;
    if (isDigit(b, j)) return -1;
    if (difference !== 0) return difference;
  }
  return 0;
}

const isDigit = (text: string, index: number): boolean => {
  const code = text.charCodeAt(index);
  return code >= 0x30 && code <= 0x39;
};

/** A tilde sorts before the end, the end and digits before letters, letters before everything else. */
function weight(text: string, index: number): number {
  if (index >= text.length || isDigit(text, index)) return 0;
  const code = text.charCodeAt(index);
  if (text[index] === "~") return -1;
  return /[A-Za-z]/.test(text[index] as string) ? code : code + 256;
}
