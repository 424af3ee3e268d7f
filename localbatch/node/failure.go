package node

import (
	"fmt"
	"regexp"
)

// The categories of a failure.
const (
	UserError   = "usererror"
	ServerError = "servererror"
)

// Codes of failures, as Batch's failureInfo has them. Those from BlobNotFound
// to ContainerTaskSettingsNotFound happen before the process, those that begin with
// FileUpload after it; Batch retries only FailureExitCode (Batch REST
// reference, "TaskFailureInformation").
const (
	FailureExitCode = "FailureExitCode"
	TaskEnded       = "TaskEnded"

	BlobNotFound                   = "BlobNotFound"
	BlobAccessDenied               = "BlobAccessDenied"
	BlobDownloadTimedOut           = "BlobDownloadTimedOut"
	BlobDownloadMiscError          = "BlobDownloadMiscError"
	ResourceContainerNotFound      = "ResourceContainerNotFound"
	ResourceContainerAccessDenied  = "ResourceContainerAccessDenied"
	ResourceContainerListTimedOut  = "ResourceContainerListTimedOut"
	ResourceContainerListMiscError = "ResourceContainerListMiscError"
	ResourceDirectoryCreateFailed  = "ResourceDirectoryCreateFailed"
	ResourceFileCreateFailed       = "ResourceFileCreateFailed"
	ResourceFileWriteFailed        = "ResourceFileWriteFailed"
	DiskFull                       = "DiskFull"
	CommandProgramNotFound         = "CommandProgramNotFound"
	CommandLaunchFailed            = "CommandLaunchFailed"
	ContainerInvalidImage          = "ContainerInvalidImage"
	ContainerInvalidRegistry       = "ContainerInvalidRegistry"
	ContainerInvalidSettings       = "ContainerInvalidSettings"
	ContainerMiscError             = "ContainerMiscError"
	ContainerPoolNotSupported      = "ContainerPoolNotSupported"
	ContainerTaskSettingsNotFound  = "ContainerTaskSettingsNotFound"

	FileUploadContainerNotFound = "FileUploadContainerNotFound"
	FileUploadAccessDenied      = "FileUploadAccessDenied"
	FileUploadConflict          = "FileUploadConflict"
	FileUploadTimedOut          = "FileUploadTimedOut"
	FileUploadMiscError         = "FileUploadMiscError"
)

// Failure is Batch's failureInfo. No part of it holds the signature of a SAS.
type Failure struct {
	Category string
	Code     string
	Message  string
	Details  []Detail
}

// Detail is one entry of a failure's details.
type Detail struct {
	Name  string
	Value string
}

// Error gives the failure on one line.
func (f *Failure) Error() string {
	text := fmt.Sprintf("%s: %s", f.Code, f.Message)
	for _, d := range f.Details {
		text += fmt.Sprintf("; %s: %s", d.Name, d.Value)
	}
	return text
}

// message is the failure in one sentence, for stderr.txt.
func (f *Failure) message() string {
	for _, d := range f.Details {
		if d.Name == "Message" {
			return d.Value
		}
	}
	return f.Message
}

// failure makes a Failure whose details are pairs of a name and a value, with
// every secret taken out.
func failure(code, message string, pairs ...string) *Failure {
	f := &Failure{Category: category(code), Code: code, Message: withoutSecrets(message)}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Details = append(f.Details, Detail{Name: pairs[i], Value: withoutSecrets(pairs[i+1])})
	}
	return f
}

// category is who is to blame for a code by Batch's own table, which puts
// everything on the user but what happens between the node and storage.
func category(code string) string {
	switch code {
	case BlobDownloadTimedOut, BlobDownloadMiscError, ResourceDirectoryCreateFailed,
		ResourceFileCreateFailed, ResourceFileWriteFailed, DiskFull:
		return ServerError
	}
	return UserError
}

// signature is the parameter of an address, as it is or in a parameter of
// another address and so encoded once or more.
var signature = regexp.MustCompile(`(?i)(\b|%(?:25)*(?:3F|26))sig(?:=|%(?:25)*3D)[^&\s"'<>]*`)

// withoutSecrets takes the signatures of SAS addresses out of a text that
// somebody will read.
func withoutSecrets(text string) string {
	return signature.ReplaceAllString(text, "${1}<signature>")
}
