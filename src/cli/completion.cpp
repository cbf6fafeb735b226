#include "cli/commands.hpp"

namespace bulkhead::cli {
namespace {

constexpr std::string_view kBash = R"script(# bulkhead completion for bash: source <(bulkhead completion bash)
_bulkhead() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} i
  local files=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in -f|--file) files+=(-f "${COMP_WORDS[i+1]}") ;; esac
  done
  case $previous in
    -f|--file|--from) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --format) COMPREPLY=($(compgen -W 'text dot json' -- "$word")); return ;;
    completion) COMPREPLY=($(compgen -W 'bash zsh fish' -- "$word")); return ;;
    suspend|resume|api-key) return ;;
    contract) COMPREPLY=($(compgen -W 'show diff' -- "$word")); return ;;
    image) COMPREPLY=($(compgen -W 'ls rm' -- "$word")); return ;;
  esac
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W 'up down status logs init check config graph restart scale history rollback exec run forward reach can identity audit suspend resume upgrade doctor image contract api-key completion' -- "$word"))
  elif [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W '--file --profile --json --help --detach --watch --dry-run --volumes --follow --lines --format --to --since --service --unix --beside --from --force --scope --expires --claim' -- "$word"))
  else
    COMPREPLY=($(compgen -W "$(bulkhead graph --format json "${files[@]}" 2>/dev/null |
      sed -nE '/"nodes"/,$s/^ *"name": "([a-z0-9-]+)".*/\1/p' | sort -u)" -- "$word"))
  fi
}
complete -F _bulkhead bulkhead
)script";

// Good to be sourced, and as a file `_bulkhead` of $fpath, which is run at the first completion.
constexpr std::string_view kZshHead = "#compdef bulkhead\nautoload -U +X bashcompinit && bashcompinit\n";
constexpr std::string_view kZshTail = "[[ ${funcstack[1]} != _bulkhead ]] || _bash_complete -F _bulkhead\n";

constexpr std::string_view kFish = R"script(# bulkhead completion for fish: bulkhead completion fish | source
set -l commands up down status logs init check config graph restart scale history rollback exec run forward reach can identity audit suspend resume upgrade doctor image contract api-key completion
complete -c bulkhead -n "not __fish_seen_subcommand_from $commands" -f -a "$commands"
complete -c bulkhead -s f -l file -r -d 'a file of the manifest'
complete -c bulkhead -l profile -x -d 'activate a profile'
complete -c bulkhead -l json -d 'print JSON'
complete -c bulkhead -n '__fish_seen_subcommand_from up' -l detach -d 'return when everything is ready'
complete -c bulkhead -n '__fish_seen_subcommand_from up' -s w -l watch -d 'build and replace what is edited'
complete -c bulkhead -n '__fish_seen_subcommand_from up' -l dry-run -d 'only tell what would change'
complete -c bulkhead -n '__fish_seen_subcommand_from rollback' -l to -x -d 'the revision'
complete -c bulkhead -n '__fish_seen_subcommand_from down' -l volumes -d 'remove the volumes too'
complete -c bulkhead -n '__fish_seen_subcommand_from init' -l from -r -d 'convert this Compose file'
complete -c bulkhead -n '__fish_seen_subcommand_from init' -l force -d 'replace a manifest that is there'
complete -c bulkhead -n '__fish_seen_subcommand_from graph' -l format -x -a 'text dot json'
complete -c bulkhead -n '__fish_seen_subcommand_from run' -l beside -d 'not in the place of the service'
complete -c bulkhead -n '__fish_seen_subcommand_from forward' -l unix -r -d 'a socket instead of a port'
complete -c bulkhead -n '__fish_seen_subcommand_from audit' -l since -x -d 'not older than'
complete -c bulkhead -n '__fish_seen_subcommand_from audit' -l service -x -d 'of this service'
complete -c bulkhead -n '__fish_seen_subcommand_from can' -l claim -x -d 'what is said of the user'
complete -c bulkhead -n '__fish_seen_subcommand_from image' -f -a 'ls rm'
complete -c bulkhead -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'
)script";

}  // namespace

int completion(const std::string& shell) {
  if (shell == "bash") {
    fmt::print("{}", kBash);
  } else if (shell == "zsh") {
    fmt::print("{}{}{}", kZshHead, kBash, kZshTail);
  } else {
    fmt::print("{}", kFish);
  }
  return kDone;
}

}  // namespace bulkhead::cli
