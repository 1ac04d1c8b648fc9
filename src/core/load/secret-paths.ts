import type { Path } from "./document.js";

/** The places of values that were decrypted. */
export class SecretPaths {
  private readonly paths: Path[] = [];

  add(path: Path): void {
    this.paths.push(path);
  }

  /** Whether what stands at a path is such a value, or a part of one. */
  isWithin(path: Path): boolean {
    return this.paths.some((secret) => leadsTo(secret, path));
  }

  /** Whether what stands at a path is such a value, a part of one, or holds one. */
  touches(path: Path): boolean {
    return this.paths.some((secret) => leadsTo(secret, path) || leadsTo(path, secret));
  }
}

function leadsTo(path: Path, deeper: Path): boolean {
  return path.every((key, i) => deeper[i] === key);
}
