package activities

import (
	"context"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/batch/azbatch"
)

// tasksAreOurs compares tasks that were there already, put there by an attempt
// before this one, with what they should be. The tasks are neighbours.
func (a *Activities) tasksAreOurs(ctx context.Context, job string, wanted []azbatch.CreateTaskContent) error {
	if len(wanted) == 0 {
		return nil
	}
	found := map[string]azbatch.Task{}
	pager := a.Batch.NewListTasksPager(job, &azbatch.ListTasksOptions{
		Filter:      to.Ptr("id ge '" + value(wanted[0].ID) + "' and id le '" + value(wanted[len(wanted)-1].ID) + "'"),
		SelectParam: []string{"id", "commandLine", "resourceFiles", "outputFiles"},
	})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return fail(err, "list the tasks of job %s", job)
		}
		for _, task := range page.Value {
			found[value(task.ID)] = task
		}
	}
	for _, task := range wanted {
		there, ok := found[value(task.ID)]
		if ok && workOf(there.CommandLine, there.ResourceFiles, there.OutputFiles) != workOf(task.CommandLine, task.ResourceFiles, task.OutputFiles) {
			return refuse(NotOurs, "task %s of job %s exists and is not what this run wants it to do: somebody else put it there. Start the run again",
				value(task.ID), job)
		}
	}
	return nil
}

// workOf is what a task does: its command, and which blobs become which files
// and the other way round. Signatures differ from attempt to attempt.
func workOf(command *string, files []azbatch.ResourceFile, outputs []azbatch.OutputFile) string {
	var work strings.Builder
	fmt.Fprintf(&work, "%q", value(command))
	for _, f := range files {
		fmt.Fprintf(&work, " %q<%q", value(f.FilePath), unsigned(f.HTTPURL))
	}
	for _, f := range outputs {
		destination := value(value(f.Destination).Container)
		fmt.Fprintf(&work, " %q>%q/%q", value(f.FilePattern), unsigned(destination.ContainerURL), value(destination.Path))
	}
	return work.String()
}

func unsigned(address *string) string {
	before, _, _ := strings.Cut(value(address), "?")
	return before
}
