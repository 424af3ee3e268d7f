package localbatch_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
	"github.com/stretchr/testify/require"

	"github.com/durabatch/durabatch/localbatch"
	"github.com/durabatch/durabatch/localbatch/batchtest"
	"github.com/durabatch/durabatch/localbatch/faults"
	"github.com/durabatch/durabatch/localbatch/sharedkey"
)

// documentation is docs/localbatch.md, which the tests of this file hold
// against the program.
func documentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/localbatch.md")
	require.NoError(t, err)
	return string(text)
}

// connectFromEnvironment is shown in the documentation.
func connectFromEnvironment() (*azbatch.Client, error) {
	credential, err := sharedkey.New(os.Getenv("AZURE_BATCH_ACCOUNT_NAME"), os.Getenv("AZURE_BATCH_ACCOUNT_KEY"))
	if err != nil {
		return nil, err
	}
	return azbatch.NewClient(os.Getenv("AZURE_BATCH_ENDPOINT"), nil, &azbatch.ClientOptions{
		ClientOptions: azcore.ClientOptions{PerRetryPolicies: []policy.Policy{credential}},
	})
}

func TestDocumentedGoClient(t *testing.T) {
	w := start(t)
	t.Setenv("AZURE_BATCH_ENDPOINT", w.url)
	t.Setenv("AZURE_BATCH_ACCOUNT_NAME", account)
	t.Setenv("AZURE_BATCH_ACCOUNT_KEY", accountKey)
	client, err := connectFromEnvironment()
	require.NoError(t, err)
	_, err = client.CreatePool(ctx, poolContent("pool", 0), nil)
	require.NoError(t, err)
	require.True(t, w.exists("pool"))
}

// TestDocumentedCode: what the documentation shows of a file is in the file,
// and so is run by that file's test.
func TestDocumentedCode(t *testing.T) {
	t.Parallel()
	shown := regexp.MustCompile("(?s)<!-- ([\\w./-]+) -->\n```\\w+\n(.*?)```").FindAllStringSubmatch(documentation(t), -1)
	var files []string
	for _, block := range shown {
		files = append(files, block[1])
		text, err := os.ReadFile(filepath.Join("..", block[1]))
		require.NoError(t, err)
		require.Contains(t, flush(string(text)), flush(block[2]), block[1])
	}
	for _, client := range []string{"localbatch/docs_test.go", "localbatch/testdata/javascript/connect.js", "localbatch/testdata/go2020/connect.go"} {
		require.Contains(t, files, client, "the documentation does not show how this client is pointed at the service")
	}
}

// flush is code without its indentation.
func flush(code string) string { return regexp.MustCompile(`(?m)^[ \t]+`).ReplaceAllString(code, "") }

// TestDocumentedTestServer has the lines that the documentation shows of a
// service for Go tests.
func TestDocumentedTestServer(t *testing.T) {
	t.Parallel()
	pool := poolContent("pool", 0)

	server := batchtest.Start(t) // of github.com/durabatch/durabatch/localbatch/batchtest
	_, err := server.Client.CreatePool(ctx, pool, nil)
	require.NoError(t, err)

	server.Faults(faults.Plan{Requests: []faults.RequestRule{{
		When:       faults.When{Nth: 1},
		Operations: []string{"CreateJob"},
		Actions:    []faults.Action{{Do: faults.ErrorAfter}}, // the job is made, and its answer is a 500
	}}})
	_, err = server.Client.CreateJob(ctx, azbatch.CreateJobContent{ID: to.Ptr("job"), PoolInfo: &azbatch.PoolInfo{PoolID: to.Ptr("pool")}}, nil)
	refused(t, err, 409, "JobExists") // azcore has tried again
}

// TestDocumentedOperations: the documentation's table has each operation that
// there is a route for, once, and says how far it goes.
func TestDocumentedOperations(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile("(?m)^\\| (\\w+) \\| `([A-Z]+ [^`]+)` \\| (yes|partly|no)\\b[^|]*\\|$")
	documented := map[string]string{}
	for _, match := range row.FindAllStringSubmatch(documentation(t), -1) {
		require.NotContains(t, documented, match[1], "the operation has two rows")
		documented[match[1]] = match[2]
	}
	want := map[string]bool{}
	check := func(name, pattern string) {
		want[name] = true
		require.Contains(t, documented, name, "docs/localbatch.md does not say how far the operation is supported")
		require.Equal(t, pattern, documented[name], name)
	}
	for _, o := range localbatch.Operations() {
		pattern := strings.Replace(o.Pattern, "{file...}", "{file}", 1)
		check(o.Name, pattern)
		if o.Head != "" {
			check(o.Head, strings.Replace(pattern, "GET", "HEAD", 1))
		}
	}
	for name := range documented {
		require.True(t, want[name], "there is no operation %s", name)
	}
}

// TestDocumentedBeliefs: each belief about the real service has a number, a
// source, and a test that shows what this service makes of it.
func TestDocumentedBeliefs(t *testing.T) {
	t.Parallel()
	_, section, found := strings.Cut(documentation(t), "\n## What is believed of the real service\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	item := regexp.MustCompile(`^(\d+)\. .+ \[[^\]]{6,}\] ((?:Test|Fuzz)\w+(?:, (?:Test|Fuzz)\w+)*)$`)
	tests := allTests(t)
	number := 0
	for line := range strings.Lines(section) {
		line = strings.TrimRight(line, "\n")
		if !regexp.MustCompile(`^\d+\.`).MatchString(line) {
			continue
		}
		match := item.FindStringSubmatch(line)
		require.NotNil(t, match, "a belief is: number, text, [source], tests; not: %s", line)
		number++
		require.Equal(t, strconv.Itoa(number), match[1])
		for test := range strings.SplitSeq(match[2], ", ") {
			require.Contains(t, tests, test, "belief %d", number)
		}
	}
	require.Greater(t, number, 30)
}

// allTests has the name of every test of localbatch and what is below it.
func allTests(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func (Test\w+|Fuzz\w+)\(`)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range declaration.FindAllStringSubmatch(string(text), -1) {
			names[match[1]] = true
		}
		return err
	})
	require.NoError(t, err)
	return slices.Collect(maps.Keys(names))
}
