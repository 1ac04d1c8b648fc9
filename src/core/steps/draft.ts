import type { Model } from "../model/model.js";
import { safeName } from "../model/names.js";
import { withGhost } from "../model/transform.js";

/** Whose config has a new text written beside it. */
interface Drafted {
  readonly domain: string;
  readonly path: string;
}

/** The model with the draft on disk. */
export function withDraft(of: Drafted, model: Model): Model {
  return withGhost(model, { files: [...without(draftOf(of), model), draftOf(of)] });
}

/** The model when it has been renamed into its place, or thrown away. */
export function withoutDraft(of: Drafted, model: Model): Model {
  return withGhost(model, { files: without(draftOf(of), model) });
}

/** A hidden name: xendomains starts whatever else lies in /etc/xen/auto. */
function draftOf({ domain, path }: Drafted): string {
  return `${path.slice(0, path.lastIndexOf("/"))}/.converge-${safeName(domain)}.draft`;
}

function without(path: string, { ghost }: Model): readonly string[] {
  return (ghost.files ?? []).filter((file) => file !== path);
}
