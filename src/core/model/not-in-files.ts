import type { Content } from "./storage.js";

/** Features of ext4 that stand for something no file has in it, and no program that copies files carries. */
const OF_EXT: Readonly<Record<string, string>> = {
  encrypt: "has encrypted folders (encrypt), which nobody reads but the guest with its keys",
  casefold: "has folders in which case does not count (casefold), which their copies would not be",
  verity: "has files that are sealed against changes (verity), which their copies would not be",
  quota: "keeps quotas beside its files (quota), whose limits do not come with them",
  project: "has a project for each file (project), which does not come with it",
};

/** What a file system has beside its files, so that a copy of those would lack it: words that go on from `it`. */
export function notInFiles(content: Content): readonly string[] {
  if (content.type === "xfs") return content.quotas === true ? ["keeps quotas beside its files, whose limits do not come with them"] : [];
  if (!("inodes" in content)) return [];
  return content.features.flatMap((feature) => (Object.hasOwn(OF_EXT, feature) ? [OF_EXT[feature] ?? ""] : []));
}
