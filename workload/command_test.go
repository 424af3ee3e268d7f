package workload

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allowedCommands treat a name as a name: in none of them can one that says
// "touch pwned" do it.
var allowedCommands = []string{
	`true {{input}}`,
	`true --in={{input}} --out={{output}}`,
	`true a{{stem}}b`,
	`true {{stem}}{{ext}}`,
	`x={{stem}}; true "$x"`,
	`true "$(echo {{input}})"`,
	`true $(echo {{input}} "$(echo {{name}})")`,
	`true < /dev/null > /dev/null {{input}}`,
	`(true {{input}}); { true {{output}}; }`,
	`if [[ {{ext}} == .mp4 ]]; then true; fi`,
	`[[ {{name}} =~ a.*b ]] || true`,
	`for f in {{input}} {{output}}; do true "$f"; done`,
	`case {{ext}} in .mp4) true ;; *) true ;; esac`,
	`case x in {{ext}}) true ;; *) true ;; esac`,
	`"$(case {{stem}} in a) echo true ;; *) echo true ;; esac)" {{name}}`,
	`true \\{{stem}} '#' {{name}} # a comment, isn't it`,
	`true "it's" {{stem}} 'say "hi"' {{name}}`,
	`a=({{input}} {{output}}); true "${a[@]}"`,
	"cat > /dev/null <<'EOF'\nit's {not} a $(command)\nEOF\ntrue {{input}}",
	`cat <<< {{name}} > /dev/null`,
	`true {{input}} | cat > /dev/null`,
	`diff <(echo {{input}}) <(echo {{input}})`,
	`true $'\'' {{name}}`,
	`f() { true "$1"; }; f {{input}}`,
	`export X={{input}}; true "$X"`,
	`! true {{input}} && true {{output}} || true {{name}} &`,
	`awk 'BEGIN { if (1) { print ARGV[1] } }' {{name}} > /dev/null`,
	"true \\\n  {{input}} \\\n  {{output}}",
}

func TestCheckCommand_allows(t *testing.T) {
	t.Parallel()
	evil := []string{
		"$(touch pwned)", "`touch pwned`", "'; touch pwned; '", `"; touch pwned; "`, "\ntouch pwned\n",
		"a[$(touch pwned)]", `\`, "'", `"`, "EOF\ntouch pwned", "} ; touch pwned", "* ) touch pwned ;;",
	}
	for _, command := range allowedCommands {
		parsed, err := parseTemplate(command, commandPlaceholders)
		require.NoError(t, err, command)
		require.Empty(t, checkCommand(parsed), command)
		dir := t.TempDir()
		for _, value := range evil {
			rendered := parsed.render(func(string) string { return value }, shellQuote)
			runIn(t, dir, rendered)
			require.NoFileExists(t, filepath.Join(dir, "pwned"), rendered)
		}
	}
}

// Places where a name would not be only a name.
func TestCheckCommand_refuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ command, want string }{
		{`true "{{name}}"`, "inside double quotes"},
		{`true "a {{name}} b"`, "inside double quotes"},
		{`true "$(echo "{{name}}")"`, "inside double quotes"},
		{`true "$(case x in x) echo "{{name}}" ;; esac)"`, "inside double quotes"},
		{`true '{{name}}'`, "inside single quotes"},
		{`bash -c 'true {{name}}'`, "inside single quotes"},
		{`true $'{{name}}'`, "inside single quotes"},
		{`true $"{{name}}"`, "inside double quotes"},
		{`true ${{name}}`, "$ before it"},
		{`true \{{name}}`, "backslash before it"},
		{`true \\\{{name}}`, "backslash before it"},
		{"true `echo {{name}}`", "backquotes"},
		{"true # {{name}}", "comment"},
		{"cat <<EOF\n{{name}}\nEOF", "here-document"},
		{"cat <<'EOF'\n{{name}}\nEOF", "here-document"},
		{"cat <<-EOF\n\t{{name}}\n\tEOF", "here-document"},
		{"cat <<{{name}}\nx\ndurabatch-0\n", "here-document"},
		{`echo $(( {{name}} ))`, "arithmetic"},
		{`echo $[ {{name}} ]`, "arithmetic"},
		{`(( x = {{name}} ))`, "arithmetic"},
		{`let x={{name}}`, "arithmetic"},
		{`for (( i = {{name}}; i < 1; i++ )); do true; done`, "arithmetic"},
		{`a[{{name}}]=1`, "index"},
		{`a=([{{name}}]=1)`, "index"},
		{`echo ${x:-{{name}}}`, "inside ${...}"},
		{`echo "${x:-{{name}}}"`, "inside"},
		{`[[ {{name}} -eq 1 ]]`, "compared as a number"},
		{`[[ -v {{name}} ]]`, "variable's name"},
		{`eval echo {{name}}`, "eval"},
		{`declare -i x={{name}}`, "integer"},
		{`f() { local -ri x={{name}}; }`, "integer"},
		{`true "`, "bash cannot read this"},
		{`if true`, "bash cannot read this"},
		{`true "{{name}}`, "bash cannot read this"},
	} {
		parsed, err := parseTemplate(tt.command, commandPlaceholders)
		require.NoError(t, err, tt.command)
		messages := strings.Join(checkCommand(parsed), "\n")
		require.Contains(t, messages, tt.want, tt.command)
		require.NotContains(t, messages, "durabatch-", "the marker is ours alone")
	}
}

// runIn runs what may fail.
func runIn(t testing.TB, dir, command string) {
	t.Helper()
	cmd := exec.Command("/bin/bash", "-c", command)
	cmd.Dir = dir
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil {
		require.ErrorAs(t, err, &exit)
	}
}
