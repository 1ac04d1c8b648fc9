import type { Content } from "./storage.js";

/** What kernels add by themselves when they need it, on a copy that Dom0 mounts as well as in the guest (fs/ext4: `ext4_set_feature_…`). */
const ADDED = new Set(["large_file", "huge_file", "dir_nlink", "ext_attr"]);

/**
 * What a file system or swap that was made like an image's has, and that one has not any more, though both go by one UUID: words
 * that go on from `it was made with`. The guest may look for it by its label, or boot by what does not know a feature.
 */
export function noMoreLike(copy: Content | undefined, image: Content): readonly string[] {
  if (copy === undefined || !("label" in copy) || !("label" in image) || copy.type !== image.type || copy.uuid !== image.uuid) return [];
  const gone = "inodes" in copy && "inodes" in image ? copy.features.filter((name) => !image.features.includes(name) && !ADDED.has(name)) : [];
  return [
    ...(copy.label === image.label ? [] : [copy.label === "" ? "no label" : `the label ${copy.label}`]),
    ...(gone.length === 0 ? [] : [`the feature${gone.length === 1 ? "" : "s"} ${gone.join(", ")}`]),
  ];
}
