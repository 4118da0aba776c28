/** "Did you mean": the nearest of the known words, when it is near enough to be a slip of the fingers. */
const MAX_WORD = 64;
/** A playbook of 2,000 misspelt names must not take the square of that. */
const MAX_COMPARED = 100;

export function suggest(word: string, known: Iterable<string>): string | undefined {
  if (word.length === 0 || word.length > MAX_WORD) return undefined;
  const allowed = Math.max(1, Math.floor(word.length / 3));
  const near = [...known]
    .filter((candidate) => Math.abs(candidate.length - word.length) <= allowed)
    .slice(0, MAX_COMPARED);
  let best: { readonly word: string; readonly distance: number } | undefined;
  for (const candidate of near) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= allowed && (best === undefined || distance < best.distance)) best = { word: candidate, distance };
  }
  return best?.word;
}

const MAX_LISTED = 12;

/** A hint for a fault: `did you mean "timeout"?`, else the list of what is known, else nothing. */
export function suggestionHint(word: string, known: Iterable<string>): string | undefined {
  const words = [...known];
  const near = suggest(word, words);
  if (near !== undefined) return `did you mean "${near}"?`;
  if (words.length === 0) return undefined;
  const listed = words.toSorted().slice(0, MAX_LISTED).join(", ");
  return `known: ${listed}${words.length > MAX_LISTED ? ", ..." : ""}`;
}

/** Optimal string alignment distance (Damerau-Levenshtein without repeated edits): a swap of neighbours counts one. */
function editDistance(left: string, right: string): number {
  let beforeLast: readonly number[] = [];
  let last: readonly number[] = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1];
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          at(last, column - 1) + (same ? 0 : 1),
          swapped ? at(beforeLast, column - 2) + 1 : Infinity,
        ),
      );
    }
    beforeLast = last;
    last = current;
  }
  return at(last, right.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
