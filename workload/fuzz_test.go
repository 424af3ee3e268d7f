package workload

import (
	"encoding/json"
	"os"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"mvdan.cc/sh/v3/syntax"
)

// Whatever the text: Parse answers with a workload that reads back as itself,
// or with problems of one line each.
func FuzzParse(f *testing.F) {
	for _, dir := range []string{"good", "bad"} {
		for _, file := range documents(f, dir) {
			data, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := Parse("w.yaml", data)
		if err != nil {
			var problems Problems
			require.ErrorAs(t, err, &problems)
			require.NotEmpty(t, problems)
			for _, p := range problems {
				require.NotEmpty(t, p.Message)
				require.NotContains(t, p.String(), "\n")
			}
			return
		}
		text, err := json.Marshal(w)
		require.NoError(t, err)
		again, err := Parse("again.json", text)
		require.NoError(t, err)
		require.Equal(t, w, again)
	})
}

// Whatever the name: bash gets it as it is.
func FuzzExpand(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name)
	}
	task := Task{Command: `printf '%s\0' {{input}} {{stem}} {{ext}} {{dir}} {{output}}`, Output: "{{name}}.out"}
	f.Fuzz(func(t *testing.T, name string) {
		x, err := task.Expand(Input{Index: 0, Name: name})
		if err != nil {
			require.ErrorContains(t, err, "input ")
			return
		}
		stem, ext := splitExt(path.Base(name))
		require.Equal(t, path.Base(name), stem+ext)
		require.Equal(t,
			[]string{"./" + name, stem, ext, path.Dir(name), "./" + name + ".out", ""},
			strings.Split(bash(t, x.Command), "\x00"))
	})
}

// Whatever the command: one that is allowed has the same commands in it,
// whatever the names are. It is read, not run.
func FuzzCheckCommand(f *testing.F) {
	for _, command := range allowedCommands {
		f.Add(command, "x'$(touch pwned)")
	}
	f.Fuzz(func(t *testing.T, command, name string) {
		if !utf8.ValidString(command+name) || strings.ContainsAny(command+name, "\x00\r") {
			return // refused before they come here
		}
		parsed, err := parseTemplate(command, commandPlaceholders)
		if err != nil || len(checkCommand(parsed)) > 0 {
			return
		}
		harmless := parsed.render(func(string) string { return "name" }, shellQuote)
		rendered := parsed.render(func(string) string { return name }, shellQuote)
		require.Equal(t, commandsIn(t, harmless), commandsIn(t, rendered), "%q", rendered)
	})
}

// commandsIn counts the commands and substitutions of a script.
func commandsIn(t *testing.T, script string) int {
	t.Helper()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(script), "")
	require.NoError(t, err, "%q", script)
	n := 0
	syntax.Walk(file, func(node syntax.Node) bool {
		switch node.(type) {
		case *syntax.Stmt, *syntax.CmdSubst, *syntax.ParamExp, *syntax.ProcSubst:
			n++
		}
		return true
	})
	return n
}
