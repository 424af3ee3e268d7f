package localbatch

import "strings"

// preparationTask is what a job runs on a node before its first task there.
type preparationTask struct {
	ID                            string             `json:"id"`
	CommandLine                   string             `json:"commandLine"`
	ContainerSettings             *containerSettings `json:"containerSettings,omitempty"`
	ResourceFiles                 []resourceFile     `json:"resourceFiles,omitempty"`
	EnvironmentSettings           []nameValue        `json:"environmentSettings,omitempty"`
	Constraints                   *taskConstraints   `json:"constraints,omitempty"`
	WaitForSuccess                *bool              `json:"waitForSuccess,omitempty"`
	UserIdentity                  *userIdentity      `json:"userIdentity,omitempty"`
	RerunOnNodeRebootAfterSuccess *bool              `json:"rerunOnNodeRebootAfterSuccess,omitempty"`
}

// releaseTask is what a job runs at its end on each node that it has prepared.
type releaseTask struct {
	ID                  string             `json:"id"`
	CommandLine         string             `json:"commandLine"`
	ContainerSettings   *containerSettings `json:"containerSettings,omitempty"`
	ResourceFiles       []resourceFile     `json:"resourceFiles,omitempty"`
	EnvironmentSettings []nameValue        `json:"environmentSettings,omitempty"`
	MaxWallClockTime    *duration          `json:"maxWallClockTime,omitempty"`
	RetentionTime       *duration          `json:"retentionTime,omitempty"`
	UserIdentity        *userIdentity      `json:"userIdentity,omitempty"`
}

// The longest that a release task may run on a node, and what it may by default
// (Batch REST reference, "JobReleaseTask").
const maxReleaseTime = duration(15 * 60 * ticksPerSecond)

// completePreparation checks the job's preparation and release tasks and fills
// in the service's defaults.
func (j *jobSpec) completePreparation() error {
	prep, release := j.JobPreparationTask, j.JobReleaseTask
	if prep != nil {
		if err := prep.complete("jobPreparationTask"); err != nil {
			return err
		}
	}
	if release == nil {
		return nil
	}
	if prep == nil {
		return missingProperty("jobPreparationTask").
			because("a job release task runs where the job preparation task has run, so a job that has one has both")
	}
	if err := release.complete("jobReleaseTask"); err != nil {
		return err
	}
	if strings.EqualFold(prep.ID, release.ID) { // they would share a directory
		return invalidProperty("jobReleaseTask.id", release.ID, "it is the id of the job preparation task")
	}
	return nil
}

func (t *preparationTask) complete(property string) (err error) {
	if t.ID == "" {
		t.ID = "jobpreparation"
	}
	if err := checkJobTask(property, t.ID, t.CommandLine, t.EnvironmentSettings, t.ResourceFiles, t.ContainerSettings); err != nil {
		return err
	}
	if t.UserIdentity, err = t.UserIdentity.complete(property + ".userIdentity"); err != nil {
		return err
	}
	orDefault(&t.WaitForSuccess, true)
	orDefault(&t.RerunOnNodeRebootAfterSuccess, true)
	t.Constraints, err = t.Constraints.complete(0)
	return err
}

func (t *releaseTask) complete(property string) (err error) {
	if t.ID == "" {
		t.ID = "jobrelease"
	}
	if err := checkJobTask(property, t.ID, t.CommandLine, t.EnvironmentSettings, t.ResourceFiles, t.ContainerSettings); err != nil {
		return err
	}
	if t.UserIdentity, err = t.UserIdentity.complete(property + ".userIdentity"); err != nil {
		return err
	}
	orDefault(&t.RetentionTime, week)
	orDefault(&t.MaxWallClockTime, maxReleaseTime)
	if *t.MaxWallClockTime > maxReleaseTime {
		return invalidProperty(property+".maxWallClockTime", t.MaxWallClockTime.String(), "it is at most %v", maxReleaseTime)
	}
	return nil
}

func checkJobTask(property, id, commandLine string, environment []nameValue, files []resourceFile, container *containerSettings) error {
	if err := checkID(id); err != nil {
		return err
	}
	if err := container.complete(property + ".containerSettings"); err != nil {
		return err
	}
	if strings.TrimSpace(commandLine) == "" && container == nil {
		return missingProperty(property + ".commandLine")
	}
	if err := checkEnvironment(property+".environmentSettings", environment); err != nil {
		return err
	}
	return checkResourceFiles(files)
}

// mayHaveTask refuses a task whose directory would be that of the job's
// preparation or release task.
func (j *jobSpec) mayHaveTask(id string) error {
	switch {
	case j.JobPreparationTask != nil && strings.EqualFold(id, j.JobPreparationTask.ID):
		return conflict("TaskIdSameAsJobPreparationTask", "The task id is the same as that of the job preparation task.")
	case j.JobReleaseTask != nil && strings.EqualFold(id, j.JobReleaseTask.ID):
		return conflict("TaskIdSameAsJobReleaseTask", "The task id is the same as that of the job release task.")
	}
	return nil
}
