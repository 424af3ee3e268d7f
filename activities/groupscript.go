package activities

import (
	"fmt"
	"strings"

	shellquote "github.com/kballard/go-shellquote"

	"github.com/durabatch/durabatch/workload"
)

// A group's script runs the command of each of its files in order, in a shell
// of its own, then those that failed again, as often as the workload allows.
// It exits with 0 if every file succeeded in the end.
//
// It writes a record, two lines for each run, with times in seconds since 1970
// and with how long stdout.txt and stderr.txt were then ("-" where the system does
// not tell):
//
//	begin INDEX RUN TIME STDOUT STDERR
//	end INDEX RUN TIME STDOUT STDERR CODE
//
// A task that Batch runs again where it ran before finds its record, and does
// not do again what is done. Bash 3.2, as on macOS, is enough for it; nothing in it
// starts a process for a file whose command succeeds but the command itself.
// Its names are its own, so that the commands, which run in copies of its
// shell, meet none of them.
const groupHead = `#!/bin/bash
# Runs one command for each file of this task, written by durabatch.
durabatch_retries=%d
durabatch_limit=%d # seconds for one command, 0: none
durabatch_record=` + recordFile + `
durabatch_files=()
durabatch_names=()
durabatch_runs=()
`

// writeFile defines the command of one file, what makes its outputs known by
// plain names, and what removes them.
func writeFile(b *strings.Builder, input workload.Input, command string, outputs []placedOutput, links []link) {
	i := input.Index
	fmt.Fprintf(b, "\ndurabatch_files+=(%d)\ndurabatch_names[%d]=%s\ndurabatch_command_%d() (\n%s\n)\n", i, i, shellquote.Join(input.Name), i, command)
	fmt.Fprintf(b, "durabatch_keep_%d() {\n\t:\n", i)
	for _, l := range links {
		fmt.Fprintf(b, "\tln -f -- %s 2>/dev/null\n", shellquote.Join("./"+l.from, "./"+l.to))
	}
	var partial []string
	for _, o := range outputs {
		if !o.Always {
			partial = append(partial, "./"+o.File, "./"+o.found)
		}
	}
	fmt.Fprintf(b, "}\ndurabatch_drop_%d() {\n\t:\n", i)
	if len(partial) > 0 {
		fmt.Fprintf(b, "\trm -rf -- %s\n", shellquote.Join(partial...))
	}
	b.WriteString("}\n")
}

const groupTail = `
# With an index: that file's command alone, for timeout to end.
if [ $# -gt 0 ]; then
	durabatch_i=$1
	shift
	"durabatch_command_$durabatch_i"
	exit
fi

durabatch_note() {
	local now=${EPOCHREALTIME:-$(date +%s)} out='' err=''
	[ -f /dev/stdout ] && [ -r "/proc/$$/fdinfo/1" ] && read -r _ out <"/proc/$$/fdinfo/1"
	[ -f /dev/stderr ] && [ -r "/proc/$$/fdinfo/2" ] && read -r _ err <"/proc/$$/fdinfo/2"
	echo "$1 $2 ${durabatch_runs[$2]} ${now/,/.} ${out:--} ${err:--} $3" >>"$durabatch_record"
}

# Nothing here may be part of a condition: set -e in a command would be ignored.
durabatch_try() {
	durabatch_i=$1
	durabatch_runs[durabatch_i]=$((${durabatch_runs[durabatch_i]:-0} + 1))
	printf '== file %d, run %d: %q\n' "$durabatch_i" "${durabatch_runs[durabatch_i]}" "${durabatch_names[durabatch_i]}"
	printf '== file %d, run %d: %q\n' "$durabatch_i" "${durabatch_runs[durabatch_i]}" "${durabatch_names[durabatch_i]}" >&2
	durabatch_note begin "$durabatch_i" ''
	if [ "$durabatch_limit" -gt 0 ]; then
		timeout -k 10 "$durabatch_limit" /bin/bash "$0" "$durabatch_i"
	else
		"durabatch_command_$durabatch_i"
	fi
	durabatch_code=$?
	[ "$durabatch_code" -eq 0 ] || "durabatch_drop_$durabatch_i"
	"durabatch_keep_$durabatch_i"
	durabatch_note end "$durabatch_i" "$durabatch_code"
}

durabatch_done=()
if [ -f "$durabatch_record" ]; then
	while read -r durabatch_what durabatch_i durabatch_run _ _ _ durabatch_code; do
		durabatch_runs[durabatch_i]=$durabatch_run
		[ "$durabatch_what" = end ] && [ "$durabatch_code" = 0 ] && durabatch_done[durabatch_i]=1
	done <"$durabatch_record"
fi
durabatch_left=()
for durabatch_i in "${durabatch_files[@]}"; do
	[ -n "${durabatch_done[durabatch_i]}" ] || durabatch_left+=("$durabatch_i")
done
for ((durabatch_pass = 0; durabatch_pass <= durabatch_retries && ${#durabatch_left[@]} > 0; durabatch_pass++)); do
	durabatch_failed=()
	for durabatch_i in "${durabatch_left[@]}"; do
		durabatch_try "$durabatch_i"
		[ "$durabatch_code" -eq 0 ] || durabatch_failed+=("$durabatch_i")
	done
	durabatch_left=("${durabatch_failed[@]}")
done
if [ ${#durabatch_left[@]} -gt 0 ]; then
	echo "== ${#durabatch_left[@]} of ${#durabatch_files[@]} files failed" >&2
	exit 1
fi
`
