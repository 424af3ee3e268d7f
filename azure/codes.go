package azure

import "net/http"

// Kind is what an error means for whoever sent the request.
type Kind string

// The kinds of errors.
const (
	Retry     Kind = "retry"     // the same request may succeed in a moment: throttling, the service's trouble, the network
	Wait      Kind = "wait"      // something else must change first: a quota, a resource in transition
	Exists    Kind = "exists"    // the id or name is in use; success, if it is ours
	Gone      Kind = "gone"      // there is nothing of that name; success for a delete
	Deleting  Kind = "deleting"  // it is being deleted; success for a delete, to wait for otherwise
	Done      Kind = "done"      // it is already in the state that was asked for
	Refused   Kind = "refused"   // the same request is refused again; it, or the account, has to change
	Denied    Kind = "denied"    // the credentials are missing, wrong or lack a role
	Cancelled Kind = "cancelled" // our own side stopped waiting
	Unknown   Kind = "unknown"   // not Azure's, or not in the table
)

// Error codes that callers tell apart; azbatch v0.1.0 has no names for them.
// Source of codes and status: Batch REST reference, Status and error codes.
const (
	CodePoolExists              = "PoolExists"
	CodeJobExists               = "JobExists"
	CodeTaskExists              = "TaskExists"
	CodePoolNotFound            = "PoolNotFound"
	CodeJobNotFound             = "JobNotFound"
	CodeTaskNotFound            = "TaskNotFound"
	CodeNodeNotFound            = "NodeNotFound"
	CodeFileNotFound            = "FileNotFound"
	CodePoolBeingDeleted        = "PoolBeingDeleted"
	CodePoolBeingResized        = "PoolBeingResized"
	CodeJobBeingDeleted         = "JobBeingDeleted"
	CodeJobBeingTerminated      = "JobBeingTerminated"
	CodeJobCompleted            = "JobCompleted"
	CodeTaskCompleted           = "TaskCompleted"
	CodeActiveJobQuotaReached   = "ActiveJobAndScheduleQuotaReached"
	CodePoolQuotaReached        = "PoolQuotaReached"
	CodeRequestBodyTooLarge     = "RequestBodyTooLarge"
	CodeAuthenticationFailed    = "AuthenticationFailed"
	CodeContainerNotFound       = "ContainerNotFound"
	CodeContainerAlreadyExists  = "ContainerAlreadyExists"
	CodeContainerBeingDeleted   = "ContainerBeingDeleted"
	CodeBlobNotFound            = "BlobNotFound"
	CodeOperationInvalidInState = "OperationInvalidForCurrentState"
)

// entry is what the table knows of one code.
type entry struct {
	status int
	kind   Kind
	advice string // what a person can do; empty: nothing is asked of a person
}

const (
	adviceWorkload = "correct the workload as the message says"
	adviceBug      = "report this to durabatch with the message: it sent a request that the service does not take"
	adviceKey      = "check the account's name and key, and that this machine's clock is right"
	adviceRole     = "give the identity the role it lacks: Azure Batch Data Contributor on the Batch account, Storage Blob Data Contributor (and Storage Blob Delegator) on the storage account"
	adviceLater    = "the service is busy; it is tried again"
	adviceInUse    = "choose another name, or delete what has this one"
)

// codes is the one table of errors that Batch and Blob answer with.
// Source: Batch REST reference, Status and error codes; Storage REST
// reference, Common and Blob service error codes.
var codes = map[string]entry{
	// Batch: names in use.
	CodePoolExists:                {http.StatusConflict, Exists, adviceInUse},
	CodeJobExists:                 {http.StatusConflict, Exists, adviceInUse},
	CodeTaskExists:                {http.StatusConflict, Exists, adviceInUse},
	"JobScheduleExists":           {http.StatusConflict, Exists, adviceInUse},
	"JobWithSameIdExists":         {http.StatusConflict, Refused, "a job schedule has this id; choose another name"},
	"JobScheduleWithSameIdExists": {http.StatusConflict, Refused, "a job schedule has this id; choose another name"},

	// Batch: not there, or on its way out.
	CodePoolNotFound:          {http.StatusNotFound, Gone, "check the pool's id, and whether somebody deleted it"},
	CodeJobNotFound:           {http.StatusNotFound, Gone, "check whether somebody deleted the job"},
	CodeTaskNotFound:          {http.StatusNotFound, Gone, ""},
	CodeNodeNotFound:          {http.StatusNotFound, Gone, ""},
	CodeFileNotFound:          {http.StatusNotFound, Gone, ""},
	"JobScheduleNotFound":     {http.StatusNotFound, Gone, ""},
	"ApplicationNotFound":     {http.StatusNotFound, Gone, ""},
	"NodeUserNotFound":        {http.StatusNotFound, Gone, ""},
	CodePoolBeingDeleted:      {http.StatusConflict, Deleting, ""},
	CodeJobBeingDeleted:       {http.StatusConflict, Deleting, ""},
	"JobScheduleBeingDeleted": {http.StatusConflict, Deleting, ""},
	"TaskFilesUnavailable":    {http.StatusConflict, Gone, "the node that had the files is gone; look into the output container"},
	"TaskFilesCleanedup":      {http.StatusConflict, Gone, "the task's retention time has passed; look into the output container"},

	// Batch: states.
	CodePoolBeingResized:                 {http.StatusConflict, Wait, ""},
	"PoolBeingCreated":                   {http.StatusConflict, Wait, ""},
	CodeJobBeingTerminated:               {http.StatusConflict, Done, ""},
	CodeJobCompleted:                     {http.StatusConflict, Done, ""},
	CodeTaskCompleted:                    {http.StatusConflict, Done, ""},
	"JobDisabled":                        {http.StatusConflict, Refused, "enable the job again, or cancel the run"},
	"JobNotActive":                       {http.StatusConflict, Refused, "the job has ended or is disabled; start the run anew"},
	"TaskNotCompleted":                   {http.StatusConflict, Refused, ""},
	"TaskSucceeded":                      {http.StatusConflict, Done, ""},
	CodeOperationInvalidInState:          {http.StatusConflict, Wait, ""},
	"NodeNotReady":                       {http.StatusConflict, Retry, ""},
	"NodeBeingCreated":                   {http.StatusConflict, Wait, ""},
	"NodeBeingStarted":                   {http.StatusConflict, Wait, ""},
	"NodeBeingRebooted":                  {http.StatusConflict, Wait, ""},
	"NodeBeingReimaged":                  {http.StatusConflict, Wait, ""},
	"NodeStateUnusable":                  {http.StatusConflict, Refused, "look at the node's errors in the pool"},
	"NodeAlreadyInTargetSchedulingState": {http.StatusConflict, Done, ""},
	"OperationNotValidOnNode":            {http.StatusConflict, Refused, "this pool's nodes do not support it"},
	"OperationNotValidOnPool":            {http.StatusConflict, Refused, "this pool does not support it: one that scales by a formula cannot be resized"},

	// Batch: quotas of the account.
	CodeActiveJobQuotaReached: {http.StatusConflict, Wait, "the Batch account has as many active jobs as its quota allows; delete or terminate old jobs, or ask Azure for a higher quota"},
	CodePoolQuotaReached:      {http.StatusConflict, Wait, "the Batch account has as many pools as its quota allows; delete old pools, or ask Azure for a higher quota"},

	// Batch: requests that no repetition makes right.
	"InvalidPropertyValue":                 {http.StatusBadRequest, Refused, adviceWorkload},
	"InvalidConstraintValue":               {http.StatusBadRequest, Refused, adviceWorkload},
	"OutOfRangePriority":                   {http.StatusBadRequest, Refused, "set job.priority between -1000 and 1000"},
	"OutOfRangeInput":                      {http.StatusBadRequest, Refused, adviceWorkload},
	"InvalidInput":                         {http.StatusBadRequest, Refused, adviceWorkload},
	"InvalidMetadata":                      {http.StatusBadRequest, Refused, adviceBug},
	"EmptyMetadataKey":                     {http.StatusBadRequest, Refused, adviceBug},
	"MetadataTooLarge":                     {http.StatusBadRequest, Refused, adviceBug},
	"MissingRequiredProperty":              {http.StatusBadRequest, Refused, adviceBug},
	"UnsupportedProperty":                  {http.StatusBadRequest, Refused, adviceBug},
	"InvalidRequestBody":                   {http.StatusBadRequest, Refused, adviceBug},
	"MissingRequiredQueryParameter":        {http.StatusBadRequest, Refused, adviceBug},
	"InvalidQueryParameterValue":           {http.StatusBadRequest, Refused, adviceBug},
	"OutOfRangeQueryParameterValue":        {http.StatusBadRequest, Refused, adviceBug},
	"UnsupportedQueryParameter":            {http.StatusBadRequest, Refused, adviceBug},
	"RequestUrlFailedToParse":              {http.StatusBadRequest, Refused, adviceBug},
	"InvalidUri":                           {http.StatusBadRequest, Refused, adviceBug},
	"InvalidHttpVerb":                      {http.StatusBadRequest, Refused, adviceBug},
	"MissingRequiredHeader":                {http.StatusBadRequest, Refused, adviceBug},
	"UnsupportedHeader":                    {http.StatusBadRequest, Refused, adviceBug},
	"InvalidHeaderValue":                   {http.StatusBadRequest, Refused, adviceBug},
	"MultipleConditionHeadersNotSupported": {http.StatusBadRequest, Refused, adviceBug},
	"UnsupportedRequestVersion":            {http.StatusBadRequest, Refused, "the service does not know this version of the API; check the Batch endpoint"},
	"TaskDependenciesNotSpecifiedOnJob":    {http.StatusBadRequest, Refused, adviceBug},
	"TaskDependencyListTooLong":            {http.StatusBadRequest, Refused, adviceBug},
	"TaskDependencyRangesTooLong":          {http.StatusBadRequest, Refused, adviceBug},
	"InvalidAutoScalingSettings":           {http.StatusBadRequest, Refused, adviceWorkload},
	"AutoScalingFormulaSyntaxError":        {http.StatusBadRequest, Refused, adviceWorkload},
	"AutoScalingFormulaTooLong":            {http.StatusBadRequest, Refused, adviceWorkload},
	"InvalidApplicationPackageReferences":  {http.StatusConflict, Refused, adviceWorkload},
	"JobPreparationTaskNotSpecified":       {http.StatusConflict, Refused, ""},
	"JobReleaseTaskNotSpecified":           {http.StatusConflict, Refused, ""},
	"TaskIdSameAsJobPreparationTask":       {http.StatusConflict, Refused, adviceBug},
	"TaskIdSameAsJobReleaseTask":           {http.StatusConflict, Refused, adviceBug},
	"UnsupportedHttpVerb":                  {http.StatusMethodNotAllowed, Refused, adviceBug},
	"MissingContentLengthHeader":           {http.StatusLengthRequired, Refused, adviceBug},
	CodeRequestBodyTooLarge:                {http.StatusRequestEntityTooLarge, Refused, "a request may hold 1 MB; send fewer tasks at once, or shorten the command, environment or resource files"},
	"RequestEntityTooLarge":                {http.StatusRequestEntityTooLarge, Refused, "a request may hold 1 MB; send fewer tasks at once, or shorten the command, environment or resource files"},
	"ConditionNotMet":                      {http.StatusPreconditionFailed, Refused, "somebody else changed it in the meantime"},
	"InvalidRange":                         {http.StatusRequestedRangeNotSatisfiable, Refused, ""},

	// Both: who asks.
	CodeAuthenticationFailed:             {http.StatusForbidden, Denied, adviceKey},
	"InvalidAuthenticationInfo":          {http.StatusBadRequest, Denied, adviceKey},
	"NoAuthenticationInformation":        {http.StatusUnauthorized, Denied, adviceKey},
	"InsufficientAccountPermissions":     {http.StatusForbidden, Denied, adviceRole},
	"AuthorizationFailure":               {http.StatusForbidden, Denied, "the account's firewall refuses this machine: allow its network; or, with Entra ID, " + adviceRole},
	"AuthorizationPermissionMismatch":    {http.StatusForbidden, Denied, adviceRole},
	"KeyBasedAuthenticationNotPermitted": {http.StatusForbidden, Denied, "the account does not allow keys; set " + EnvStorageBlobEndpoint + " instead of the connection string to use Entra ID"},
	"AccountIsDisabled":                  {http.StatusForbidden, Denied, "the account is disabled; enable it or its subscription"},
	"IOError":                            {http.StatusForbidden, Denied, ""},

	// Both: trouble that passes.
	"TooManyRequests":                {http.StatusTooManyRequests, Retry, adviceLater},
	"TooManyEnableAutoScaleRequests": {http.StatusServiceUnavailable, Retry, adviceLater},
	"InternalError":                  {http.StatusInternalServerError, Retry, adviceLater},
	"OperationTimedOut":              {http.StatusInternalServerError, Retry, adviceLater},
	"ServerBusy":                     {http.StatusServiceUnavailable, Retry, adviceLater},

	// Both: an address that is not there at all.
	"ResourceNotFound": {http.StatusNotFound, Gone, "check the name, and that the endpoint is the account's own"},

	// Blob.
	CodeContainerNotFound:      {http.StatusNotFound, Gone, "check the container's name, and whether somebody deleted it"},
	CodeContainerAlreadyExists: {http.StatusConflict, Exists, adviceInUse},
	CodeContainerBeingDeleted:  {http.StatusConflict, Deleting, ""},
	"ContainerDisabled":        {http.StatusConflict, Refused, ""},
	CodeBlobNotFound:           {http.StatusNotFound, Gone, ""},
	"BlobAlreadyExists":        {http.StatusConflict, Exists, adviceInUse},
	"BlobArchived":             {http.StatusConflict, Refused, "the blob is in the archive tier; rehydrate it first"},
	"BlobBeingRehydrated":      {http.StatusConflict, Wait, ""},
	"BlobImmutableDueToPolicy": {http.StatusConflict, Refused, "an immutability policy holds the blob; remove it, or use another storage account"},
	"LeaseIdMissing":           {http.StatusPreconditionFailed, Refused, "somebody holds a lease on it; break the lease"},
	"InvalidBlobType":          {http.StatusConflict, Refused, "a blob of another type has this name; delete it"},
	"InvalidResourceName":      {http.StatusBadRequest, Refused, "choose a name that Blob allows: containers have 3 to 63 lower-case letters, digits and single dashes"},
	"OutOfRangeInputLength":    {http.StatusBadRequest, Refused, adviceBug},
	"Md5Mismatch":              {http.StatusBadRequest, Retry, "bytes were damaged on their way; they are sent again"},
	"InvalidMd5":               {http.StatusBadRequest, Refused, adviceBug},
	"BlockCountExceedsLimit":   {http.StatusConflict, Refused, adviceBug},
	"InvalidBlockList":         {http.StatusBadRequest, Retry, "the blocks of an upload are gone; they are sent again"},
	"AccountBeingCreated":      {http.StatusConflict, Wait, ""},
	"InsufficientStorage":      {http.StatusInsufficientStorage, Refused, "the storage is full"},
}
