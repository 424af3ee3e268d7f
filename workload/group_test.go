package workload

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckCommand_listsAreWords(t *testing.T) {
	t.Parallel()
	for command, fine := range map[string]bool{
		"cat {{inputs}} > all": true, "tar cf x.tar -- {{inputs}} {{outputs}}": true, "echo $(cat {{inputs}})": true,
		"for i in {{inputs}}; do echo \"$i\"; done": true, "a=({{inputs}}); b=(x {{outputs}})": true,
		"{{inputs}}": false, "x={{inputs}} env": false, "x={{inputs}}": false, "export x={{inputs}}": false,
		"tool --in={{inputs}}": false, "cat < {{inputs}}": false, "case {{inputs}} in x) ;; esac": false,
		"[[ {{inputs}} == x ]]": false, `cat "{{inputs}}"`: false, "eval {{inputs}}": false,
	} {
		parsed, err := parseTemplate(command, groupPlaceholders)
		require.NoError(t, err)
		if fine {
			require.Empty(t, checkCommand(parsed), command)
		} else {
			require.NotEmpty(t, checkCommand(parsed), command)
		}
	}
}

func TestExpandGroup(t *testing.T) {
	t.Parallel()
	task := Task{Command: "x {{index}} {{inputs}} {{outputs}}", Output: "o/{{name}}", Files: 2, Each: EachGroup}
	command, outputs, err := task.ExpandGroup([]Input{{Index: 6, Name: "a b"}, {Index: 7, Name: "d/c'd"}})
	require.NoError(t, err)
	require.Equal(t, "mkdir -p './o' './d/o' || exit\nx '00000006' './a b' './d/c'\\''d' './o/a b' './d/o/c'\\''d'", command)
	require.Equal(t, [][]ExpandedOutput{{{File: "o/a b"}}, {{File: "d/o/c'd"}}}, outputs)

	_, err = Task{Command: "x {{input}}", Output: "{{name}}", Files: 2}.Expand(Input{Index: 0, Name: Reserved + "run.sh"})
	require.ErrorContains(t, err, "the run's own")
}
