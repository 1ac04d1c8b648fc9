# shellcheck shell=sh disable=SC3043,SC2034,SC2154,SC2015,SC2153,SC2317
# JSON from whatever bytes tools print: pure ASCII comes out, and what is no UTF-8 becomes U+FFFD.

# json_bytes: bytes on stdin to the inside of a JSON string
json_bytes() {
  od -An -v -tu1 | awk '
    function character(code) {
      if (code < 65536) printf "\\u%04x", code
      else printf "\\u%04x\\u%04x", 55296 + int((code - 65536) / 1024), 56320 + (code - 65536) % 1024
    }
    {
      for (i = 1; i <= NF; i++) {
        byte = $i + 0
        if (need > 0) {
          if (byte >= low && byte <= high) {
            code = code * 64 + byte - 128; low = 128; high = 191
            if (--need == 0) character(code)
            continue
          }
          printf "\\ufffd"; need = 0
        }
        low = 128; high = 191
        if (byte == 34) printf "\\\""
        else if (byte == 92) printf "\\\\"
        else if (byte == 10) printf "\\n"
        else if (byte < 32 || byte == 127) printf "\\u%04x", byte
        else if (byte < 128) printf "%c", byte
        else if (byte >= 194 && byte <= 223) { need = 1; code = byte - 192 }
        else if (byte >= 224 && byte <= 239) {
          need = 2; code = byte - 224
          if (byte == 224) low = 160
          if (byte == 237) high = 159
        }
        else if (byte >= 240 && byte <= 244) {
          need = 3; code = byte - 240
          if (byte == 240) low = 144
          if (byte == 244) high = 143
        }
        else printf "\\ufffd"
      }
    }
    END { if (need > 0) printf "\\ufffd" }'
}

# json_string TEXT: sets JSON, with its quotes; harmless text costs no process
json_string() {
  case $1 in
    *[!A-Za-z0-9' '_.,:/@%+=-]*) JSON=\"$(printf '%s' "$1" | json_bytes)\" ;;
    *) JSON=\"$1\" ;;
  esac
}

# json_number TEXT: sets JSON; what is no number is 0
json_number() {
  case $1 in
    '' | - | *[!0-9.-]* | .* | *. | *.*.* | ?*-* | 0[0-9]*) JSON=0 ;;
    *) JSON=$1 ;;
  esac
}

# json_object [KEY VALUE]…: sets JSON; a key that ends in `#` has a number
json_object() {
  local object
  object=
  while [ $# -ge 2 ]; do
    case $1 in
      *'#')
        json_number "$2"
        object=$object,\"${1%?}\":$JSON
        ;;
      *)
        json_string "$2"
        object=$object,\"$1\":$JSON
        ;;
    esac
    shift 2
  done
  JSON="{${object#,}}"
}
