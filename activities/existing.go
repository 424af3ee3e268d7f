package activities

import (
	"context"
	"fmt"
	"slices"
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
		SelectParam: []string{"id", "commandLine", "resourceFiles", "outputFiles", "environmentSettings", "userIdentity"},
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
		exists := azbatch.CreateTaskContent{
			CommandLine: there.CommandLine, ResourceFiles: there.ResourceFiles, OutputFiles: there.OutputFiles,
			EnvironmentSettings: there.EnvironmentSettings, UserIdentity: there.UserIdentity,
		}
		if ok && workOf(exists) != workOf(task) {
			return refuse(NotOurs, "task %s of job %s exists and is not what this run wants it to do: somebody else put it there. Start the run again",
				value(task.ID), job)
		}
	}
	return nil
}

// workOf is what a task does: its command, with which variables and as whom,
// and which blobs become which files and the other way round. Signatures differ
// from attempt to attempt, and the order of variables means nothing.
func workOf(task azbatch.CreateTaskContent) string {
	var work strings.Builder
	fmt.Fprintf(&work, "%q", value(task.CommandLine))
	for _, f := range task.ResourceFiles {
		fmt.Fprintf(&work, " %q<%q/%q/%q", value(f.FilePath), unsigned(f.HTTPURL), unsigned(f.StorageContainerURL), value(f.BlobPrefix))
	}
	for _, f := range task.OutputFiles {
		destination := value(value(f.Destination).Container)
		fmt.Fprintf(&work, " %q>%q/%q", value(f.FilePattern), unsigned(destination.ContainerURL), value(destination.Path))
	}
	variables := make([]string, len(task.EnvironmentSettings))
	for i, v := range task.EnvironmentSettings {
		variables[i] = fmt.Sprintf(" %q=%q", value(v.Name), value(v.Value))
	}
	slices.Sort(variables)
	user := value(task.UserIdentity)
	account := value(user.AutoUser)
	fmt.Fprintf(&work, "%s as %q %q %q", strings.Join(variables, ""), value(user.Username), value(account.Scope), value(account.ElevationLevel))
	return work.String()
}

func unsigned(address *string) string {
	before, _, _ := strings.Cut(value(address), "?")
	return before
}
