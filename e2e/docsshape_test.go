package e2e

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"mvdan.cc/sh/v3/syntax"
)

// blockKinds are the words that may follow sh: what the commands need, and by
// what a block shows that it needs it, so that no block escapes being run by a
// word alone.
var blockKinds = map[string]*regexp.Regexp{
	"":       nil,                                                                           // is run
	"server": regexp.MustCompile(`bin/worker|bin/local|codec serve`),                        // is run, and stopped
	"azure":  regexp.MustCompile(`\baz |\bAZURE_`),                                          // an account with Azure
	"cloud":  regexp.MustCompile(`TEMPORAL_(PROFILE|API_KEY|TLS|ADDRESS)`),                  // another Temporal than the local one
	"docker": regexp.MustCompile(`\bdocker |TEMPORAL_ADDRESS=127\.0\.0\.1|compose-env\.sh`), // a Docker engine
	"make":   regexp.MustCompile(`\bmake\b|\bgit clone\b|\bgo test\b`),                      // the repository itself, and a toolchain
	"tctl":   regexp.MustCompile(`\btctl `),                                                 // Temporal's older CLI
	"host":   regexp.MustCompile(`\bsystemctl |\bkill |\bapt-get `),                         // a machine that one may change
}

// plain are commands of every machine, which need no check of their own.
var plain = strings.Fields(". : [ cat cd chmod cp curl echo exec export git go grep install jq kill ls mkdir printf rm sleep sudo systemctl trap true umask unset until wait")

// commandShapes checks commands that cannot be run against what there is.
type commandShapes struct {
	targets []string // of the Makefile
	compose string
	docker  string

	mu   sync.Mutex
	help map[string]string // of our programs and Temporal's, by the words of the command
}

func newCommandShapes(t *testing.T) *commandShapes {
	t.Helper()
	s := &commandShapes{help: map[string]string{}}
	for _, found := range regexp.MustCompile(`(?m)^([a-z/-]+):`).FindAllStringSubmatch(string(readFile(t, filepath.Join(root, "Makefile"))), -1) {
		s.targets = append(s.targets, found[1])
	}
	s.compose = string(readFile(t, filepath.Join(root, "docker-compose.yml")))
	s.docker = string(readFile(t, filepath.Join(root, "Dockerfile")))
	return s
}

func (s *commandShapes) block(t *testing.T, b block) {
	t.Helper()
	require.NotContains(t, []string{"bash", "shell", "console", "zsh"}, b.info, "%s: commands are fenced as sh", b)
	kind, commands := b.kind()
	if !commands {
		s.transcript(t, b)
		return
	}
	sign, known := blockKinds[kind]
	require.True(t, known, "%s: nobody knows blocks of the kind %q; see blockKinds", b, kind)
	if sign != nil {
		require.Regexp(t, sign, b.text, "%s: nothing in it shows that it has to be of the kind %q", b, kind)
	}
	if sign == nil {
		return // TestDocs runs it
	}
	s.commands(t, b.String(), b.text)
}

// transcript checks the commands of a block that shows a terminal: the lines
// that begin with a prompt.
func (s *commandShapes) transcript(t *testing.T, b block) {
	t.Helper()
	text := strings.ReplaceAll(b.text, "\\\n", " ")
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			s.commands(t, b.String(), command)
		}
	}
}

var inProse = regexp.MustCompile("`((?:bin/)?(?:starter|local|temporal) [a-z][^`]*|make [a-z-]+)`")

// prose checks the commands that stand between backquotes in a text.
func (s *commandShapes) prose(t *testing.T, page, text string) {
	t.Helper()
	outside := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	for _, found := range inProse.FindAllStringSubmatch(outside, -1) {
		command := optional.ReplaceAllString(found[1], "$1")
		if !strings.HasPrefix(command, "make ") && !strings.HasPrefix(command, "bin/") {
			command = "bin/" + command
		}
		s.commands(t, page+": "+found[0], command)
	}
}

// optional is how a text writes what may be left out: [--yes].
var optional = regexp.MustCompile(`\[([^\[\]]*)\]|\.\.\.|\|`)

// commands parses text as bash does, and checks each command in it, those in
// substitutions too.
func (s *commandShapes) commands(t *testing.T, where, text string) {
	t.Helper()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), where)
	require.NoError(t, err, where)
	syntax.Walk(file, func(node syntax.Node) bool {
		if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			s.command(t, where, wordsOf(call.Args))
		}
		return true
	})
}

// wordsOf are the words of a command as they are written, without their quotes.
func wordsOf(args []*syntax.Word) []string {
	var words []string
	for _, arg := range args {
		var text bytes.Buffer
		_ = syntax.NewPrinter().Print(&text, arg)
		words = append(words, strings.Trim(text.String(), `"'`))
	}
	return words
}

func (s *commandShapes) command(t *testing.T, where string, words []string) {
	t.Helper()
	switch program := strings.TrimPrefix(words[0], "bin/"); program {
	case "starter", "local", "temporal", "worker":
		s.ours(t, where, program, words[1:])
	case "az":
		azShape(t, where, words[1:])
	case "docker":
		s.dockerShape(t, where, words[1:])
	case "tctl":
		tctlShape(t, where, words[1:])
	case "make":
		for _, target := range words[1:] {
			require.Contains(t, s.targets, target, "%s: make has no such target", where)
		}
	case "tools/compose-env.sh":
		require.FileExists(t, filepath.Join(root, program))
	default:
		if slices.Contains([]string{"exec", "sudo", "command"}, program) && len(words) > 1 {
			s.command(t, where, words[1:])
			return
		}
		require.Contains(t, plain, program, "%s: a command that nothing is known of", where)
	}
}

var command = regexp.MustCompile(`^[a-z][a-z-]*$`)

// ours checks verbs and flags against what a program's own help says.
func (s *commandShapes) ours(t *testing.T, where, program string, words []string) {
	t.Helper()
	if program == "worker" {
		require.Empty(t, words, "%s: worker has no arguments", where)
		return
	}
	help := s.helpOf(t, where, program, words)
	for _, word := range words {
		name, _, _ := strings.Cut(word, "=")
		if strings.HasPrefix(name, "--") && name != "--" && name != "--help" {
			require.True(t, regexp.MustCompile(`(?m)(^|\s)`+regexp.QuoteMeta(name)+`\b`).MatchString(help), "%s: no flag of it is called %s:\n%s", where, name, help)
		}
	}
}

// helpOf is the help of the verb that words begin with. A program's help for a
// verb that it does not have is its help in general, which has no such usage.
func (s *commandShapes) helpOf(t *testing.T, where, program string, words []string) string {
	t.Helper()
	var verbs []string
	for _, word := range words {
		if !command.MatchString(word) || len(verbs) == 3 {
			break
		}
		verbs = append(verbs, word)
	}
	if program == "local" && len(verbs) > 0 && verbs[0] == "run" {
		program, verbs = "starter", verbs[:1] // which gets all that it is given
	}
	key := program + " " + strings.Join(verbs, " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	help, known := s.help[key]
	if !known {
		out, err := exec.Command(filepath.Join(bin, program), append(slices.Clone(verbs), "--help")...).CombinedOutput()
		require.NoError(t, err, "%s: %s", where, out)
		help = string(out)
		s.help[key] = help
	}
	if len(verbs) > 0 {
		require.True(t, regexp.MustCompile(`(?m)^\s+`+program+` `+verbs[0]+`\b`).MatchString(help), "%s: %s has no verb %s", where, program, verbs[0])
	}
	return help
}

func (s *commandShapes) dockerShape(t *testing.T, where string, words []string) {
	t.Helper()
	verb, rest := words[0], words[1:]
	if verb == "compose" {
		verb, rest = "compose "+words[1], words[2:]
	}
	flags, known := dockerCommands[verb]
	require.True(t, known, "%s: docker %s is in no list", where, verb)
	for n, word := range rest {
		if !strings.HasPrefix(word, "-") {
			if verb == "compose exec" {
				require.Contains(t, s.compose, "\n  "+word+":\n", "%s: no service is called so", where)
				s.command(t, where, rest[n+1:])
				return
			}
			continue
		}
		require.Contains(t, strings.Fields(flags), word, "%s: docker %s", where, verb)
		if word == "--target" {
			require.Regexp(t, `(?mi)^FROM .* AS `+rest[n+1]+`$`, s.docker, "%s: no stage is called so", where)
		}
	}
}

var dockerCommands = map[string]string{
	"build":        "--target --tag",
	"run":          "--rm --hostname --env-file --volume",
	"compose up":   "--build --wait",
	"compose down": "-v",
	"compose exec": "",
	"compose logs": "--follow",
	"compose ps":   "",
}

// tctlShape knows the flags of tctl's source.
func tctlShape(t *testing.T, where string, words []string) {
	t.Helper()
	flags := "--workflow_id --workflow_type --taskqueue --input_file --query_type --name --input"
	require.Contains(t, []string{"workflow start", "workflow query", "workflow signal", "workflow observe"}, strings.Join(words[:2], " "), where)
	for _, word := range words[2:] {
		if strings.HasPrefix(word, "--") {
			require.Contains(t, strings.Fields(flags), word, where)
		}
	}
}

// azCommands are the commands of Azure's CLI that the documentation uses, with
// their flags. Source: Azure CLI reference (learn.microsoft.com/cli/azure), which
// is what a new command is added from.
var azCommands = map[string]string{
	"login":                                  "--identity --service-principal --tenant",
	"rest":                                   "--method --url --body",
	"provider register":                      "--namespace --wait",
	"group create":                           "--name --location",
	"group delete":                           "--name --yes",
	"ad signed-in-user show":                 "",
	"role assignment create":                 "--assignee-object-id --assignee-principal-type --role --scope",
	"identity create":                        "--resource-group --name",
	"identity show":                          "--resource-group --name",
	"storage account create":                 "--resource-group --name --location --sku --min-tls-version --allow-blob-public-access --allow-shared-key-access",
	"storage account show":                   "--resource-group --name",
	"storage account show-connection-string": "--resource-group --name",
	"storage account revoke-delegation-keys": "--resource-group --name",
	"storage container delete":               "--account-name --auth-mode --name",
	"batch account create":                   "--resource-group --name --location",
	"batch account show":                     "--resource-group --name",
	"batch account login":                    "--resource-group --name --shared-key-auth --show",
	"batch account keys list":                "--resource-group --name",
	"batch pool supported-images list":       "",
	"batch pool list":                        "",
	"batch pool delete":                      "--pool-id --yes",
}

// azShape holds a command of Azure's CLI against the list.
func azShape(t *testing.T, where string, words []string) {
	t.Helper()
	flag := slices.IndexFunc(words, func(word string) bool { return strings.HasPrefix(word, "-") })
	if flag < 0 {
		flag = len(words)
	}
	name := strings.Join(words[:flag], " ")
	flags, known := azCommands[name]
	require.True(t, known, "%s: az %s is in no list", where, name)
	for _, word := range words[flag:] {
		if strings.HasPrefix(word, "--") {
			require.Contains(t, strings.Fields(flags+" --query --output"), word, "%s: az %s", where, name)
		}
	}
}
