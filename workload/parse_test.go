package workload

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with the file, or writes the file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func documents(t testing.TB, dir string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"*.yaml", "*.json"} {
		names, err := filepath.Glob(filepath.Join("testdata", dir, pattern))
		require.NoError(t, err)
		found = append(found, names...)
	}
	require.NotEmpty(t, found)
	return found
}

// Every bad workload is refused with the messages beside it.
func TestParse_bad(t *testing.T) {
	t.Parallel()
	for _, path := range documents(t, "bad") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			w, err := Parse(filepath.Base(path), data)
			require.Nil(t, w)
			var problems Problems
			require.ErrorAs(t, err, &problems)
			require.NotEmpty(t, problems)
			golden(t, path+".golden", err.Error()+"\n")
			for _, secret := range []string{"sig=", "abcdefghijklmnop", "password@", "bm90IGEga2V5"} {
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// Every good workload is read, its defaults are filled in, and what it is as a
// document reads back as the same workload.
func TestParse_good(t *testing.T) {
	t.Parallel()
	for _, path := range documents(t, "good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			w, err := Parse(path, data)
			require.NoError(t, err)
			text, err := json.MarshalIndent(w, "", "  ")
			require.NoError(t, err)
			golden(t, path+".golden", string(text)+"\n")

			again, err := Parse("again.json", text)
			require.NoError(t, err)
			require.Equal(t, w, again)
		})
	}
}

// One set of rules: what is wrong with a YAML text is wrong with the same text
// as JSON, but for what is YAML's alone.
func TestParse_yamlAndJSONAgree(t *testing.T) {
	t.Parallel()
	position := regexp.MustCompile(`(?m)^[^ ]*: |, in line \d+`)
	for _, name := range []string{"unknown-keys", "wrong-types", "missing", "negative-counts", "durations",
		"output-names", "placeholders", "cleanup-choices", "pool-id-alone", "slots"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join("testdata", "bad", name+".yaml"))
			require.NoError(t, err)
			b := &builder{report: &report{}}
			root := b.readYAML(data)
			require.NotNil(t, root)
			asJSON, err := json.Marshal(root.plain())
			require.NoError(t, err)

			_, fromYAML := Parse("w", data)
			_, fromJSON := Parse("w", asJSON)
			require.ElementsMatch(t, lines(position.ReplaceAllString(fromYAML.Error(), "")),
				lines(position.ReplaceAllString(fromJSON.Error(), "")))
		})
	}
}

func lines(s string) []string { return strings.Split(s, "\n") }

func TestParse_bounds(t *testing.T) {
	t.Parallel()
	const good = "name: a\ninputs: {dir: /d}\npool: {id: p}\ntask: {output: x, command: 'true {{input}}'}\n"
	command := func(text string) string { return strings.Replace(good, "true", text, 1) }
	long := strings.Repeat("x", 13_000)
	var unknown strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&unknown, "key%d: 1\n", i)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"junk", strings.Repeat("junk ", 2<<20), "is larger than 1048576 bytes"},
		{"long comment", good + "# " + strings.Repeat("x", maxFile), "is larger than"},
		{"brackets", strings.Repeat("[", 1<<20), "cannot be read as YAML"},
		{"dashes", strings.Repeat("- ", 1<<19), "cannot be read as YAML"},
		{"many values", "name: [" + strings.Repeat("a,", maxValues) + "]", "more than 10000 values"},
		{"long JSON line", `{"name":[` + strings.Repeat(`"a",`, 200_000) + `"a"]}`, "more than 10000 values"},
		{"many problems", unknown.String(), "more than 100 problems"},
		{"long command", command(strings.Repeat("x", maxDocument)), "must have at most 32768 characters"},
		{"long document", strings.Replace(good, "output: x", "output: x, environment: {A: "+long+", B: "+long+", C: "+long+", D: "+long+"}", 1), "at most 49152 are possible"},
		{"deep command", command(strings.Repeat("(", 32_000)), "bash cannot read this"},
		{"deep substitution", command(strings.Repeat("$(", 16_000)), "bash cannot read this"},
		{"many placeholders", command("true " + strings.Repeat(`"{{input}}" `, 2_500)), "inside double quotes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("w.yaml", []byte(tt.text))
			require.ErrorContains(t, err, tt.want)
		})
	}
}
