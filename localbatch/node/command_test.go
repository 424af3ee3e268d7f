package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/kballard/go-shellquote"
	"github.com/stretchr/testify/require"
)

func TestSplitCommandLine(t *testing.T) {
	t.Parallel()
	for line, want := range map[string][]string{
		"a b  c":                        {"a", "b", "c"},
		"\t a\nb\n":                     {"a", "b"},
		`a '' ""`:                       {"a", "", ""},
		`'a b' "c d" e\ f`:              {"a b", "c d", "e f"},
		`a'b'"c"\d`:                     {"abcd"},
		`'a"b' "a'b"`:                   {`a"b`, "a'b"},
		`'a\b' "a\b" a\\b`:              {`a\b`, `a\b`, `a\b`},
		`"\$x \` + "`" + ` \" \\"`:      {"$x ` \" \\"},
		"a \\\nb 'c\nd' \"e\nf\"":       {"a", "b", "c\nd", "e\nf"},
		"a\\\nb \"c\\\nd\"":             {"ab", "cd"},
		"a # b":                         {"a", "#", "b"},
		"a;b|c>d&e $(f) `g` *":          {"a;b|c>d&e", "$(f)", "`g`", "*"},
		"a\r b":                         {"a\r", "b"},
		"é '🎬' \"\xff\" \\\xfe":         {"é", "🎬", "\xff", "\xfe"},
		`/bin/bash -c 'echo '\''x'\'''`: {"/bin/bash", "-c", "echo 'x'"},
	} {
		got, err := splitCommandLine(line)
		require.NoError(t, err, "%q", line)
		require.Equal(t, want, got, "%q", line)
	}
}

func FuzzSplitCommandLine(f *testing.F) {
	for _, seed := range []string{"a b", `'a' "b\"c" d\ e`, "a\\\nb", `"\`, "'", "\\", "''", "\xff'\xfe'", "a\x00b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitCommandLine(line)
		if err != nil {
			if asFailure(err).Code != CommandLaunchFailed {
				t.Fatalf("%q: %v", line, err)
			}
			return
		}
		// Quoted as a user would, the words come back as they were.
		again, err := splitCommandLine(quote(words))
		if err != nil || !slices.Equal(words, again) {
			t.Fatalf("%q: %q came back as %q, %v", line, words, again, err)
		}
		again, err = splitCommandLine(shellquote.Join(words...))
		if err != nil || !slices.Equal(words, again) {
			t.Fatalf("%q: %q came back as %q, %v", line, words, again, err)
		}
	})
}

func quote(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return strings.Join(quoted, " ")
}
