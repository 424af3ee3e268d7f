package activities

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryFailureHasItsTest: each row of the table in docs/failures.md names a
// test that makes it happen.
func TestEveryFailureHasItsTest(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/failures.md")
	require.NoError(t, err)
	var tests strings.Builder
	for _, pattern := range []string{"*_test.go", "../e2e/*_test.go", "../workflows/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			tests.Write(text)
		}
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+)`")
	rows := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| what happens") {
			continue
		}
		rows++
		names := named.FindAllStringSubmatch(line, -1)
		require.NotEmpty(t, names, line)
		for _, name := range names {
			require.Contains(t, tests.String(), "func "+name[1]+"(t *testing.T)")
		}
	}
	require.Greater(t, rows, 15)
}
