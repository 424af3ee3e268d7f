package localbatch

import (
	"strings"

	"github.com/durabatch/durabatch/localbatch/node"
)

// taskSpec is what a task is created from.
type taskSpec struct {
	ID                           string                 `json:"id"`
	DisplayName                  string                 `json:"displayName,omitempty"`
	ExitConditions               *exitConditions        `json:"exitConditions,omitempty"`
	CommandLine                  string                 `json:"commandLine"`
	ContainerSettings            *containerSettings     `json:"containerSettings,omitempty"`
	ResourceFiles                []resourceFile         `json:"resourceFiles,omitempty"`
	OutputFiles                  []outputFile           `json:"outputFiles,omitempty"`
	EnvironmentSettings          []nameValue            `json:"environmentSettings,omitempty"`
	AffinityInfo                 *affinityInfo          `json:"affinityInfo,omitempty"` // a hint: see room.better
	Constraints                  *taskConstraints       `json:"constraints,omitempty"`
	RequiredSlots                int32                  `json:"requiredSlots"`
	UserIdentity                 *userIdentity          `json:"userIdentity,omitempty"`
	MultiInstanceSettings        *multiInstanceSettings `json:"multiInstanceSettings,omitempty"`
	DependsOn                    *taskDependencies      `json:"dependsOn,omitempty"`
	ApplicationPackageReferences packageReferences      `json:"applicationPackageReferences,omitempty"`
	AuthenticationTokenSettings  unsupported            `json:"authenticationTokenSettings,omitzero"`
}

type affinityInfo struct {
	AffinityID string `json:"affinityId"`
}

type taskConstraints struct {
	MaxWallClockTime  *duration `json:"maxWallClockTime,omitempty"`
	RetentionTime     *duration `json:"retentionTime,omitempty"`
	MaxTaskRetryCount *int32    `json:"maxTaskRetryCount,omitempty"`
}

type outputFile struct {
	FilePattern   string              `json:"filePattern"`
	Destination   *outputDestination  `json:"destination,omitempty"`
	UploadOptions *outputUploadConfig `json:"uploadOptions,omitempty"`
}

type outputDestination struct {
	Container *outputContainer `json:"container,omitempty"`
}

type outputContainer struct {
	Path              string             `json:"path,omitempty"`
	ContainerURL      string             `json:"containerUrl"`
	IdentityReference *identityReference `json:"identityReference,omitempty"`
	UploadHeaders     []nameValue        `json:"uploadHeaders,omitempty"`
}

type outputUploadConfig struct {
	UploadCondition string `json:"uploadCondition"`
}

// complete checks the spec and fills in the service's defaults; retries is the job's.
func (t *taskSpec) complete(retries int32) (err error) {
	if err := checkID(t.ID); err != nil {
		return err
	}
	if err := checkDisplayName(t.DisplayName); err != nil {
		return err
	}
	if err := t.ContainerSettings.complete("containerSettings"); err != nil {
		return err
	}
	if strings.TrimSpace(t.CommandLine) == "" && t.ContainerSettings == nil { // an image has a command of its own
		return missingProperty("commandLine")
	}
	if t.RequiredSlots == 0 {
		t.RequiredSlots = 1
	}
	if err := between("requiredSlots", t.RequiredSlots, 1, maxSlots); err != nil {
		return err
	}
	if t.UserIdentity, err = t.UserIdentity.complete("userIdentity"); err != nil {
		return err
	}
	if t.Constraints, err = t.Constraints.complete(retries); err != nil {
		return err
	}
	if err := checkEnvironment("environmentSettings", t.EnvironmentSettings); err != nil {
		return err
	}
	if err := checkResourceFiles(t.ResourceFiles); err != nil {
		return err
	}
	if err := t.DependsOn.check(); err != nil {
		return err
	}
	if err := t.ExitConditions.check(); err != nil {
		return err
	}
	if err := t.ApplicationPackageReferences.check(); err != nil {
		return err
	}
	if err := t.completeInstances(); err != nil {
		return err
	}
	return checkOutputFiles(t.OutputFiles)
}

// checkFor refuses what the task's job does not provide for.
func (t *taskSpec) checkFor(j *job) error {
	if t.DependsOn.len() > 0 && !j.UsesTaskDependencies {
		return badRequest("TaskDependenciesNotSpecifiedOnJob", "The task depends on other tasks, but its job does not use task dependencies.").
			because("set usesTaskDependencies when you create the job")
	}
	return t.ExitConditions.checkFor(j)
}

// complete takes what is missing from the service's defaults and the job's retries.
func (c *taskConstraints) complete(retries int32) (*taskConstraints, error) {
	if c == nil {
		c = &taskConstraints{}
	}
	orDefault(&c.MaxWallClockTime, unlimited)
	orDefault(&c.RetentionTime, week)
	orDefault(&c.MaxTaskRetryCount, retries)
	return c, checkRetries("constraints.maxTaskRetryCount", c.MaxTaskRetryCount)
}

func checkOutputFiles(files []outputFile) error {
	for i := range files {
		f := &files[i]
		if f.FilePattern == "" {
			return missingProperty("outputFiles.filePattern")
		}
		if f.Destination == nil || f.Destination.Container == nil {
			return missingProperty("outputFiles.destination.container")
		}
		if err := checkURL("outputFiles.destination.container.containerUrl", f.Destination.Container.ContainerURL); err != nil {
			return err
		}
		if f.UploadOptions == nil {
			f.UploadOptions = &outputUploadConfig{}
		}
		err := oneOf("outputFiles.uploadOptions.uploadCondition", &f.UploadOptions.UploadCondition,
			string(node.TaskCompletion), string(node.TaskSuccess), string(node.TaskFailure))
		if err != nil {
			return err
		}
	}
	return nil
}

func nodeOutputFiles(files []outputFile) []node.OutputFile {
	var list []node.OutputFile
	for _, f := range files {
		target := f.Destination.Container
		headers := map[string]string{}
		for _, h := range target.UploadHeaders {
			headers[h.Name] = h.Value
		}
		list = append(list, node.OutputFile{
			FilePattern: f.FilePattern, ContainerURL: target.ContainerURL, Identity: target.IdentityReference.id(), Path: target.Path,
			Condition: node.Condition(f.UploadOptions.UploadCondition), UploadHeaders: headers,
		})
	}
	return list
}
