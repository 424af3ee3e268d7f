package main

import (
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"
)

// variable is one of the environment's.
type variable struct{ name, value string }

// envFile is text for a shell to read: one export a line.
func envFile(vars []variable) []byte {
	var b strings.Builder
	for _, v := range vars {
		b.WriteString("export " + v.name + "=" + shellquote.Join(v.value) + "\n")
	}
	return []byte(b.String())
}

// foreign are the prefixes of variables that point at other services than the
// stack's: with them, a worker of this machine could reach somebody's account.
var foreign = []string{"AZURE_", "AZURITE_", "TEMPORAL_", "DURABATCH_UI="}

// withoutForeign is env less what points elsewhere.
func withoutForeign(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		return slices.ContainsFunc(foreign, func(prefix string) bool { return strings.HasPrefix(entry, prefix) })
	})
}

// withVariables is env with vars added.
func withVariables(env []string, vars ...variable) []string {
	env = slices.Clone(env)
	for _, v := range vars {
		env = append(env, v.name+"="+v.value)
	}
	return env
}

// lookup returns the value of name in env, or "".
func lookup(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}
