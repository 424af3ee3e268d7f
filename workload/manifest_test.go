package workload

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadManifest(t *testing.T) {
	t.Parallel()
	var got []Input
	err := ReadManifest(strings.NewReader("\xEF\xBB\xBF"+`{"blob": "a b.mp4", "size": 7}
{"name": "n.mp4", "blob": "deep/x.mp4", "container": "other", "vars": {"lang": "it's", "n": 1.50, "yes": true}}

{"name": "d/u.mp4", "url": "https://example.com/u.mp4?part=1"}`), "footage", true, func(i Input) error {
		got = append(got, i)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []Input{
		{Index: 0, Name: "a b.mp4", Blob: "a b.mp4", Container: "footage", Size: 7},
		{Index: 1, Name: "n.mp4", Blob: "deep/x.mp4", Container: "other", Vars: map[string]string{"lang": "it's", "n": "1.50", "yes": "true"}},
		{Index: 2, Name: "d/u.mp4", URL: "https://example.com/u.mp4?part=1"},
	}, got)
}

func TestReadManifest_refuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"blob": "a"}` + "\n" + `{"blob": "b"`:                          "line 2: ",
		`{"blob": "a", "vers": {}}`:                                      `unknown field "vers"`,
		`["a"]`:                                                          "is not an object",
		`{"blob": "a"} {"blob": "b"}`:                                    "more than one object",
		`{"name": "a"}`:                                                  "needs url, or blob",
		`{"blob": "a", "url": "https://example.com/a"}`:                  "needs url, or blob",
		`{"url": "https://example.com/a"}`:                               "needs name",
		`{"name": "a", "url": "ftp://example.com/a"}`:                    "http or https",
		`{"name": "a", "url": "https://u:p@example.com/a"}`:              "password",
		`{"name": "a", "url": "https://x.example/a?sv=1&sig=abcdefghi"}`: "SAS",
		`{"name": "../a", "blob": "a"}`:                                  "not the path of a file",
		`{"blob": "a", "container": "No"}`:                               "not the name of a container",
		`{"blob": "a", "size": -1}`:                                      "negative",
		`{"blob": "a", "vars": {"a-b": 1}}`:                              "letters, digits and underscores",
		`{"blob": "a", "vars": {"a": [1]}}`:                              "must be text",
		`{"blob": "a"}` + "\n\n" + `{"name": "a", "blob": "b"}`:          `line 3: name "a" is that of an item before`,
		strings.Repeat("x", maxManifestLine+1):                           "longer than",
	} {
		err := ReadManifest(strings.NewReader(text), "footage", true, func(Input) error { return nil })
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "abcdefghi")
	}
	err := ReadManifest(strings.NewReader(`{"blob": "a"}`), "", true, func(Input) error { return nil })
	require.ErrorContains(t, err, "needs container")
}

func TestExpand_vars(t *testing.T) {
	t.Parallel()
	task := Task{Command: "say {{var.lang}} {{input}} {{output}}", Output: "{{stem}}.{{var.lang}}.txt"}
	x, err := task.Expand(Input{Name: "a.mp4", Vars: map[string]string{"lang": "it's"}})
	require.NoError(t, err)
	require.Equal(t, `say 'it'\''s' './a.mp4' './a.it'\''s.txt'`, x.Command)
	_, err = task.Expand(Input{Name: "a.mp4"})
	require.ErrorContains(t, err, `input "a.mp4": it has no variable for {{var.lang}}`)
	_, err = task.Expand(Input{Name: "a.mp4", Vars: map[string]string{"lang": "../../x"}})
	require.ErrorContains(t, err, "leaves the directory")
}
