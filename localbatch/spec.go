package localbatch

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/durabatch/durabatch/localbatch/node"
	"github.com/durabatch/durabatch/localbatch/store"
)

// What pools, jobs and tasks have in common, as the wire has it.

type nameValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// metadata is omitted in an answer when it is empty.
type metadata []nameValue

func (m metadata) check() error {
	for _, item := range m {
		if item.Name == "" {
			return badRequest("EmptyMetadataKey", "One or more of the metadata keys are null or empty.")
		}
	}
	return nil
}

func checkEnvironment(property string, settings []nameValue) error {
	for _, setting := range settings {
		if setting.Name == "" || strings.ContainsAny(setting.Name, "=\x00") || strings.Contains(setting.Value, "\x00") {
			return invalidProperty(property, setting.Name, "it is not the name and value of an environment variable")
		}
	}
	return nil
}

type userIdentity struct {
	UserName string    `json:"username,omitempty"`
	AutoUser *autoUser `json:"autoUser,omitempty"`
}

type autoUser struct {
	Scope          string `json:"scope,omitempty"`
	ElevationLevel string `json:"elevationLevel,omitempty"`
}

func (u *userIdentity) elevated() bool {
	return u != nil && u.AutoUser != nil && u.AutoUser.ElevationLevel == "admin"
}

// complete checks an identity and fills in the service's defaults.
func (u *userIdentity) complete(property string) (*userIdentity, error) {
	if u != nil && u.UserName != "" {
		if u.AutoUser != nil {
			return nil, invalidProperty(property, u.UserName, "username and autoUser exclude each other")
		}
		return u, nil
	}
	if u == nil || u.AutoUser == nil {
		u = &userIdentity{AutoUser: &autoUser{}}
	}
	if err := oneOf(property+".autoUser.scope", &u.AutoUser.Scope, "pool", "task"); err != nil {
		return nil, err
	}
	return u, oneOf(property+".autoUser.elevationLevel", &u.AutoUser.ElevationLevel, "nonadmin", "admin")
}

type resourceFile struct {
	AutoStorageContainerName string             `json:"autoStorageContainerName,omitempty"`
	StorageContainerURL      string             `json:"storageContainerUrl,omitempty"`
	HTTPURL                  string             `json:"httpUrl,omitempty"`
	BlobPrefix               string             `json:"blobPrefix,omitempty"`
	FilePath                 string             `json:"filePath,omitempty"`
	FileMode                 string             `json:"fileMode,omitempty"`
	IdentityReference        *identityReference `json:"identityReference,omitempty"`
}

// identityReference names a managed identity of the node.
type identityReference struct {
	ResourceID string `json:"resourceId,omitempty"`
}

func (i *identityReference) id() string {
	if i == nil {
		return ""
	}
	return i.ResourceID
}

// sources counts what the file is to come from.
func (f resourceFile) sources() int {
	given := 0
	for _, source := range []string{f.HTTPURL, f.StorageContainerURL, f.AutoStorageContainerName} {
		if source != "" {
			given++
		}
	}
	return given
}

func checkResourceFiles(files []resourceFile) error {
	const property = "resourceFiles"
	for _, f := range files {
		switch {
		case f.sources() != 1:
			return invalidProperty(property, f.FilePath, "exactly one of httpUrl, storageContainerUrl and autoStorageContainerName is given")
		case f.HTTPURL != "" && f.FilePath == "":
			return missingProperty(property + ".filePath")
		case f.HTTPURL != "" && f.BlobPrefix != "":
			return invalidProperty(property+".blobPrefix", f.BlobPrefix, "it goes with containers only")
		case path.IsAbs(f.FilePath) || strings.HasPrefix(path.Clean(f.FilePath)+"/", "../"):
			return invalidProperty(property+".filePath", f.FilePath, "it is relative to the working directory and may not leave it")
		}
		if f.AutoStorageContainerName != "" {
			continue
		}
		if err := checkURL(property, f.HTTPURL+f.StorageContainerURL); err != nil {
			return err
		}
	}
	return nil
}

// checkURL never quotes the URL: it may hold a SAS.
func checkURL(property, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return invalidProperty(property, "", "the URL is not an absolute http or https URL")
	}
	return nil
}

func nodeResourceFiles(files []resourceFile) []node.ResourceFile {
	var list []node.ResourceFile
	for _, f := range files {
		list = append(list, node.ResourceFile{
			HTTPURL: f.HTTPURL, ContainerURL: f.StorageContainerURL, BlobPrefix: f.BlobPrefix,
			AutoStorageContainer: f.AutoStorageContainerName, Identity: f.IdentityReference.id(),
			FilePath: f.FilePath, FileMode: f.FileMode,
		})
	}
	return list
}

// failureInfo is Batch's account of why a task failed.
type failureInfo struct {
	Category string      `json:"category"`
	Code     string      `json:"code"`
	Message  string      `json:"message,omitempty"`
	Details  []nameValue `json:"details,omitempty"`
}

func failureOf(f *node.Failure) *failureInfo {
	if f == nil {
		return nil
	}
	info := &failureInfo{Category: f.Category, Code: f.Code, Message: f.Message}
	for _, d := range f.Details {
		info.Details = append(info.Details, nameValue{d.Name, d.Value})
	}
	return info
}

const (
	success = "success"
	failed  = "failure"
)

func resultOf(f *node.Failure) string {
	if f == nil {
		return success
	}
	return failed
}

// stateChange is a resource's state and the one before it.
type stateChange struct {
	State                       string     `json:"state"`
	StateTransitionTime         store.Time `json:"stateTransitionTime"`
	PreviousState               string     `json:"previousState,omitempty"`
	PreviousStateTransitionTime store.Time `json:"previousStateTransitionTime,omitzero"`
}

func (c *stateChange) moveTo(state string, now store.Time) {
	c.PreviousState, c.PreviousStateTransitionTime = c.State, c.StateTransitionTime
	c.State, c.StateTransitionTime = state, now
}

func orDefault[T any](value **T, fallback T) {
	if *value == nil {
		*value = &fallback
	}
}

func checkRetries(property string, retries *int32) error {
	if retries != nil && *retries < -1 {
		return invalidProperty(property, fmt.Sprint(*retries), "it is -1 (without limit), 0 or more")
	}
	return nil
}
