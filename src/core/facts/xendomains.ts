/**
 * sh function: what xendomains(8) is told by the settings that it sources, without running them.
 *
 * `directories NAME` prints the directories that NAME is set to, one a line. It fails, and says which line it was, where
 * only the shell itself could tell what comes of it. All files and all lines count: which one wins is not asked, since a
 * directory too many does no harm.
 */
export const DIRECTORIES = `
directories() {
  set -f
  IFS='
'
  for file in /etc/default/xendomains /etc/sysconfig/xendomains; do
    [ -f "$file" ] || continue
    for line in $(dd if="$file" iflag=noatime 2>/dev/null || cat "$file"); do
      line=\${line#"\${line%%[![:blank:]]*}"}
      case $line in '#'*) continue ;; esac
      case "\${line%%[[:blank:]]#*} " in *"$1"[!A-Za-z0-9_]*) ;; *) continue ;; esac
      assignment=$line
      case $assignment in
        export[[:blank:]]*)
          assignment=\${assignment#export}
          assignment=\${assignment#"\${assignment%%[![:blank:]]*}"}
          ;;
      esac
      rest=?
      case $assignment in
        "$1"=\\"*\\"*) value=\${assignment#*\\"}; rest=\${value#*\\"}; value=\${value%%\\"*} ;;
        "$1"=\\'*\\'*) value=\${assignment#*\\'}; rest=\${value#*\\'}; value=\${value%%\\'*} ;;
        "$1"=*) value=\${assignment#*=}; rest=\${value#"\${value%%[[:blank:];]*}"}; value=\${value%%[[:blank:];]*} ;;
      esac
      case $rest in '' | [[:blank:]\\;]*) ;; *) value='$' ;; esac
      case $value in
        *[\\$\\\`\\\\\\"\\']* | '~'*) printf '%s: %s\\n' "$file" "$line" >&2; return 1 ;;
        ?*) printf '%s\\n' "$value" ;;
      esac
    done
  done
}
`;

/** Exit code of a script for which {@link DIRECTORIES} failed. */
export const UNCLEAR = 3;

/** Why a fact is unreadable then; the line is on its stderr. */
export function unclear(name: string): string {
  return `what ${name} is in the settings of xendomains, only a shell can tell (write the directory itself there)`;
}
