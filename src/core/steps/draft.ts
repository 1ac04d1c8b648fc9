import { safeName } from "../model/names.js";

/** Where the new text of a guest's config lies before it is renamed. A hidden name: xendomains starts whatever else lies in /etc/xen/auto. */
export function draftPath({ domain, path }: { readonly domain: string; readonly path: string }): string {
  return `${path.slice(0, path.lastIndexOf("/"))}/.converge-${safeName(domain)}.draft`;
}
