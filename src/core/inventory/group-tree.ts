import type { Edge, GroupDraft, InventoryDraft } from "./draft.js";

/** Deeper than groups nest anywhere; each host lists all groups above it. */
const MAX_DEPTH = 500;

/** Which groups stand above which, with no loop in it. */
export interface GroupTree {
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** How far below `all` by the longest way: the farther, the stronger. */
  readonly depths: ReadonlyMap<string, number>;
}

/**
 * Puts groups without a parent below `all`, and refuses loops (as inventory/group.py does when they are made).
 * @returns the tree without the edges that close a loop
 */
export function groupTree(draft: InventoryDraft): GroupTree {
  const below = new Set(draft.edges.map((edge) => edge.child));
  for (const group of draft.groups.values()) {
    if (group.name !== "all" && !below.has(group.name)) draft.child("all", group.name, group.at);
  }
  const tree = treeOf(draft);
  if (tree !== undefined) return depthsChecked(draft, tree);
  cutLoops(draft);
  return treeOf(draft) ?? { parents: new Map(), depths: new Map() };
}

/** Layer by layer from `all`; undefined where a loop is in the way. */
function treeOf(draft: InventoryDraft): GroupTree | undefined {
  const parents = new Map<string, string[]>();
  for (const group of draft.groups.values()) {
    for (const child of group.children) {
      const known = parents.get(child);
      if (known === undefined) parents.set(child, [group.name]);
      else known.push(group.name);
    }
  }
  const waiting = new Map([...draft.groups.keys()].map((name) => [name, parents.get(name)?.length ?? 0]));
  const depths = new Map<string, number>();
  const ready = [...waiting].filter(([, count]) => count === 0).map(([name]) => name);
  for (const name of ready) depths.set(name, 0);
  for (const name of ready) {
    for (const child of draft.groups.get(name)?.children ?? []) {
      depths.set(child, Math.max(depths.get(child) ?? 0, (depths.get(name) ?? 0) + 1));
      const left = (waiting.get(child) ?? 0) - 1;
      waiting.set(child, left);
      if (left === 0) ready.push(child);
    }
  }
  return ready.length === draft.groups.size ? { parents, depths } : undefined;
}

function depthsChecked(draft: InventoryDraft, tree: GroupTree): GroupTree {
  for (const [name, depth] of tree.depths) {
    const group = draft.groups.get(name);
    if (depth <= MAX_DEPTH || group === undefined) continue;
    draft.complain("too-deep", `groups nest deeper than ${MAX_DEPTH} levels`, group.at);
    break;
  }
  return tree;
}

/** Takes the edges that close a loop out again, in the order in which they were made, and complains about each. */
function cutLoops(draft: InventoryDraft): void {
  const kept = new Map<string, Set<string>>();
  for (const edge of draft.edges) {
    const { parent, child } = edge;
    if (child === parent || reaches(kept, child, parent)) refuse(draft, edge, draft.groups.get(parent));
    else kept.set(parent, (kept.get(parent) ?? new Set()).add(child));
  }
}

function refuse(draft: InventoryDraft, { parent, child, at }: Edge, group: GroupDraft | undefined): void {
  group?.children.delete(child);
  draft.diagnostics.push({
    severity: "error", code: "group-loop", summary: `the group '${child}' would contain itself`, at: at(),
    detail: child === "all" ? "everything is a part of 'all'" : child === parent ? "it is its own child" : `'${parent}' is already a part of '${child}'`,
    fix: "Take one of the two out of the other's children",
  });
}

function reaches(children: ReadonlyMap<string, ReadonlySet<string>>, from: string, to: string): boolean {
  // everything comes to stand below `all`
  if (from === "all") return true;
  const seen = new Set([from]);
  for (const name of seen) {
    for (const child of children.get(name) ?? []) {
      if (child === to) return true;
      seen.add(child);
    }
  }
  return false;
}

/** A group and what is below it, level by level, as Ansible lists them. */
export function descendants(name: string, groups: ReadonlyMap<string, { readonly children: Iterable<string> }>): ReadonlySet<string> {
  const order = new Set([name]);
  for (const group of order) for (const child of groups.get(group)?.children ?? []) order.add(child);
  return order;
}

/** The groups themselves, and all above them. */
export function ancestors(groups: readonly string[], parents: GroupTree["parents"]): ReadonlySet<string> {
  const found = new Set(groups);
  for (const group of found) for (const parent of parents.get(group) ?? []) found.add(parent);
  return found.add("all");
}
