/**
 * Which packages an image needs, in which order. A plain resolver for one stable suite: Pre-Depends and Depends
 * are followed, Recommends are not; of several alternatives the one already chosen wins, else the first there is.
 */
import { VkrunError } from "../errors.js";
import { meets, type Relation } from "./package-relation.js";
import type { IndexedPackage } from "./packages-index.js";
import type { Recipe } from "./recipe.js";

export interface Resolution {
  /** What is depended on comes first; within a cycle, what was asked for first. */
  readonly packages: readonly IndexedPackage[];
  readonly kernel: string;
}

export function resolvePackages(recipe: Recipe, index: readonly IndexedPackage[]): Resolution {
  const byName = new Map(index.map((entry) => [entry.package, entry]));
  const kernel = findKernel(recipe, byName);
  const roots = recipe.dependencies
    ? index.filter(({ essential, priority }) => essential || priority === "required").map((entry) => entry.package)
    : [];
  const wanted = [...recipe.configureFirst, ...roots.sort(), ...recipe.packages, kernel.package];
  if (!recipe.dependencies) {
    return { packages: wanted.map((name) => existing(byName, name, recipe.name)), kernel: kernel.package };
  }
  const chosen = choose(wanted, byName, index, recipe);
  return { packages: ordered(wanted, chosen, recipe), kernel: kernel.package };
}

/** Follows a metapackage (linux-image-riscv64) to the kernel of the day (linux-image-6.12.94+deb13-riscv64). */
function findKernel(recipe: Recipe, byName: ReadonlyMap<string, IndexedPackage>): IndexedPackage {
  const asked = existing(byName, recipe.kernelPackage, recipe.name);
  const real = asked.depends.flat().find(({ name }) => /^linux-image-\d/.test(name));
  return real === undefined ? asked : existing(byName, real.name, asked.package);
}

function choose(
  wanted: readonly string[],
  byName: ReadonlyMap<string, IndexedPackage>,
  index: readonly IndexedPackage[],
  recipe: Recipe,
): Map<string, IndexedPackage> {
  const chosen = new Map(wanted.map((name) => [name, existing(byName, name, recipe.name)]));
  const queue = [...chosen.values()];
  for (let entry = queue.shift(); entry !== undefined; entry = queue.shift()) {
    for (const alternatives of [...entry.preDepends, ...entry.depends]) {
      if (provider(alternatives, chosen, recipe) !== undefined) continue;
      const found =
        firstReal(alternatives, byName) ??
        index.find(({ provides }) => alternatives.some((relation) => provided(relation, provides)));
      if (found === undefined) throw unresolvable(entry.package, alternatives);
      chosen.set(found.package, found);
      queue.push(found);
    }
  }
  return chosen;
}

function firstReal(
  alternatives: readonly Relation[],
  byName: ReadonlyMap<string, IndexedPackage>,
): IndexedPackage | undefined {
  for (const relation of alternatives) {
    const entry = byName.get(relation.name);
    if (entry !== undefined && meets(relation, entry.version)) return entry;
  }
  return undefined;
}

/** The chosen package that meets one of `alternatives`; "" when something stands in for it. */
function provider(
  alternatives: readonly Relation[],
  chosen: ReadonlyMap<string, IndexedPackage>,
  recipe: Recipe,
): string | undefined {
  for (const relation of alternatives) {
    const entry = chosen.get(relation.name);
    if (entry !== undefined && meets(relation, entry.version)) return entry.package;
    if (recipe.standIns.some(({ provides }) => provides === relation.name)) return "";
    for (const other of chosen.values()) if (provided(relation, other.provides)) return other.package;
  }
  return undefined;
}

function provided(relation: Relation, provides: readonly Relation[]): boolean {
  return provides.some(({ name, version }) => name === relation.name && meets(relation, version));
}

/** Depth first, dependencies before dependents. */
function ordered(
  wanted: readonly string[],
  chosen: ReadonlyMap<string, IndexedPackage>,
  recipe: Recipe,
): IndexedPackage[] {
  const done = new Map<string, IndexedPackage>();
  const entered = new Set<string>();
  const visit = (name: string): void => {
    const entry = chosen.get(name);
    if (entry === undefined || entered.has(name)) return;
    entered.add(name);
    for (const alternatives of [...entry.preDepends, ...entry.depends]) {
      const found = provider(alternatives, chosen, recipe);
      if (found) visit(found);
    }
    done.set(name, entry);
  };
  for (const name of wanted) visit(name);
  return [...done.values()];
}

function existing(byName: ReadonlyMap<string, IndexedPackage>, name: string, by: string): IndexedPackage {
  const entry = byName.get(name);
  if (entry === undefined) throw unresolvable(by, [{ name }]);
  return entry;
}

function unresolvable(by: string, alternatives: readonly Relation[]): VkrunError {
  const text = alternatives
    .map(({ name, operator, version }) => (operator ? `${name} (${operator} ${version})` : name))
    .join(" | ");
  return new VkrunError("ERR_VKRUN_PACKAGES_UNRESOLVABLE", `${by} needs ${text}, which the archive does not have`, {
    hint: "The mirror may be in the midst of an update: try again later, or another one with --mirror URL.",
  });
}
