package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"What shell: ${enum}."`
}

// Help is the text after the command's summary.
func (completionCommand) Help() string {
	return `Examples:

  source <(zoneusage completion bash)     # in ~/.bashrc
  source <(zoneusage completion zsh)      # in ~/.zshrc, after compinit
  zoneusage completion fish > ~/.config/fish/completions/zoneusage.fish`
}

// Run prints the script. The script contains the commands, flags and values of this build, and does not run the program.
func (c completionCommand) Run(app *kong.Kong) error {
	switch c.Shell {
	case "fish":
		return writeScript(app.Stdout, fishScript(app.Model))
	case "zsh":
		return writeScript(app.Stdout, "autoload -U +X bashcompinit && bashcompinit\n"+bashScript(app.Model))
	}
	return writeScript(app.Stdout, bashScript(app.Model))
}

func writeScript(w io.Writer, script string) error {
	_, err := io.WriteString(w, script)
	return err
}

// bashScript offers a command's flags, after a flag the values of the flag, and otherwise files.
func bashScript(app *kong.Application) string {
	var cases, commands strings.Builder
	for _, command := range app.Children {
		fmt.Fprintf(&commands, "%s ", command.Name)
		words := []string{"--help"}
		for _, flag := range command.Flags {
			words = append(words, "--"+flag.Name)
			if !flag.IsBool() {
				fmt.Fprintf(&cases, "\t\"%s --%s\") words=\"%s\" ;;\n", command.Name, flag.Name, strings.Join(values(flag.Value), " "))
			}
		}
		for _, argument := range command.Positional {
			words = append(words, values(argument)...)
		}
		fmt.Fprintf(&cases, "\t\"%s \"*) words=\"%s\" ;;\n", command.Name, strings.Join(words, " "))
	}
	return fmt.Sprintf(`_zoneusage() {
	local words="" prefix="" current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"
	if [[ $current == "=" ]]; then current=""; fi
	if [[ $before == "=" ]]; then before="${COMP_WORDS[COMP_CWORD-2]}"; fi
	if [[ $current == --*=* ]]; then before="${current%%%%=*}" prefix="${current%%%%=*}=" current="${current#*=}"; fi
	case "${COMP_WORDS[1]} $before" in
	"$current "*) words="%s--help" ;;
%s	esac
	COMPREPLY=($(compgen -P "$prefix" -W "$words" -- "$current"))
}
complete -o default -F _zoneusage zoneusage
`, &commands, &cases)
}

// fishScript offers the same as bashScript, and shows the help of each command and flag.
func fishScript(app *kong.Application) string {
	var script strings.Builder
	fmt.Fprintln(&script, "complete -c zoneusage -f")
	for _, command := range app.Children {
		fmt.Fprintf(&script, "complete -c zoneusage -n __fish_use_subcommand -a %s -d %s\n", command.Name, fishQuote(command.Help))
		when := fmt.Sprintf("complete -c zoneusage -n '__fish_seen_subcommand_from %s'", command.Name)
		for _, argument := range command.Positional {
			if words := values(argument); words != nil {
				fmt.Fprintf(&script, "%s -a %s\n", when, fishQuote(strings.Join(words, " ")))
			}
		}
		for _, flag := range command.Flags {
			takes := "-x -a " + fishQuote(strings.Join(values(flag.Value), " "))
			switch {
			case flag.IsBool():
				takes = ""
			case flag.PlaceHolder == "FILE":
				takes = "-r -F"
			}
			fmt.Fprintf(&script, "%s -l %s %s -d %s\n", when, flag.Name, takes, fishQuote(flag.Help))
		}
	}
	return script.String()
}

// values are the possible values of a flag or an argument; nil if it is not an enumeration.
func values(of *kong.Value) []string {
	if of.Enum == "" {
		return nil
	}
	return of.EnumSlice()
}

func fishQuote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
