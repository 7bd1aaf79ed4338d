"""The sections of the destinations: what all can be told, and what each type can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self
from urllib.parse import unquote

from pydantic import Field, field_validator, model_validator

from daemon.config.auth import Auth, NoAuth, SecretSource
from daemon.config.bandwidth import Rates
from daemon.config.section import Section
from daemon.config.units import Count, Duration, LocalPath, Rate, Size, Wait
from daemon.config.words import (
    AnswerPath,
    BucketName,
    CloudName,
    HeaderName,
    HeaderTemplate,
    HeaderValue,
    MetadataKey,
    PlainUrl,
    Region,
    Template,
    Url,
)

_SMALLEST_PART: Final = 5 * 2**20
_LARGEST_PART: Final = 5 * 2**30
"""What Amazon S3 takes as a part, except for the last; a single PUT has the same upper bound."""


class TimeoutConfig(Section):
    """How long to wait for a connection, for the next byte or the answer, and for the whole."""

    connect: Wait = Field(5.0, description="for the name, the connection and TLS together")
    read: Wait = Field(30.0, description="for the next byte, and for the whole answer")
    transfer: Wait = Field(
        60.0, description="for a whole request, and a second more for each `slowest` bytes of it"
    )
    slowest: Rate = Field(
        1000, description="a transfer that is slower for as long as `read` is ended"
    )


class RetryConfig(Section):
    """How failed attempts are spaced: a run of attempts, then parked until the next run."""

    attempts: Count = 5
    initial: Duration = 1.0
    max: Wait = 60.0
    give_up_after: Duration = 86_400.0


class ConcurrencyConfig(Section):
    """How many deliveries to one destination may be under way."""

    max: Count = 8
    adaptive: bool = True


class DestinationConfig(Section):
    """What every destination can be told, whatever its type."""

    type: str
    retry: RetryConfig = RetryConfig()
    concurrency: ConcurrencyConfig = ConcurrencyConfig()
    bandwidth: Rates | None = Field(
        None, description="of all deliveries together; a rate, or rates by the hours of the day"
    )


class ClientCertificate(Section):
    """What we show a server that asks who we are by TLS."""

    certificate: LocalPath
    key: LocalPath | None = Field(None, description="when the certificate's file does not hold it")


class ServerDestinationConfig(DestinationConfig):
    """Base of what is reached by HTTP."""

    timeout: TimeoutConfig = TimeoutConfig()
    verify: bool | LocalPath = Field(
        default=True, description="a CA file; false is refused unless allow_insecure says so"
    )
    allow_insecure: bool = False
    client_certificate: ClientCertificate | None = None
    proxy: PlainUrl | None = Field(None, description="the environment's proxies are not used")

    @model_validator(mode="after")
    def _verified(self) -> Self:
        if self.verify is False and not self.allow_insecure:
            raise ValueError(
                "verify: false lets anyone read and answer; name a CA file instead, "
                "or add allow_insecure: true"
            )
        return self


class HttpDestinationConfig(ServerDestinationConfig):
    """An HTTP server that takes a multipart POST or a raw PUT."""

    type: Literal["http"]
    url: Url
    method: Literal["POST", "PUT"] = "POST"
    field: str = "file"
    data: dict[str, Template] = Field(default_factory=dict)
    headers: dict[HeaderName, HeaderTemplate] = Field(
        default_factory=dict, description="templates; what is no ASCII in a name is percent-encoded"
    )
    digest: bool = Field(
        default=False, description="send the content's sha256 along (RFC 9530); with PUT"
    )
    auth: Auth = NoAuth()
    location: AnswerPath | None = Field(
        None, description="where a JSON answer names the file, such as $.url"
    )

    @model_validator(mode="after")
    def _digest_of_plain_content(self) -> Self:
        if self.digest and self.method != "PUT":
            raise ValueError(
                "digest: true needs method: PUT; in a form, send it as a field: "
                'data: {sha256: "{sha256}"}'
            )
        return self


class S3DestinationConfig(ServerDestinationConfig):
    """A bucket of Amazon S3 or of any store that speaks its protocol."""

    type: Literal["s3"]
    bucket: BucketName
    key: Template = Field(
        "{inbox}/{received:%Y/%m}/{sha256}-{name}", description="template of the object's key"
    )
    endpoint: Url | None = Field(None, description="default: Amazon's for the region")
    region: Region = "us-east-1"
    path_style: bool = Field(
        default=False, description="the bucket in the path, not in the host's name"
    )
    access_key_file: LocalPath | None = None
    access_key_env: str | None = None
    access_key_credential: str | None = None
    secret_key_file: LocalPath | None = None
    secret_key_env: str | None = None
    secret_key_credential: str | None = None
    session_token_file: LocalPath | None = None
    session_token_env: str | None = None
    session_token_credential: str | None = None
    profile: str | None = Field(None, description="of the usual credential files")
    multipart_threshold: Size = Field(64 * 2**20, ge=1, le=_LARGEST_PART)
    part_size: Size = Field(
        _SMALLEST_PART,
        ge=_SMALLEST_PART,
        le=_LARGEST_PART,
        description="raised for files that would have more than 10,000 parts",
    )
    part_workers: Count = Field(4, le=64, description="parts of one file under way at once")
    resend_at_most: Size = Field(
        8_000_000,
        description="bytes of one file that a crash may cost; more lets more parts go at once",
    )
    create_once: bool | None = Field(
        None,
        description="refuse to replace an object: If-None-Match: *; by default it is asked for "
        "where the key holds {sha256} or {job}, without a fault where the store does not know it",
    )
    storage_class: HeaderValue | None = None
    server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    kms_key: HeaderValue | None = None
    metadata: dict[HeaderName, Template] = Field(default_factory=dict)

    def source(
        self, part: Literal["access_key", "secret_key", "session_token"]
    ) -> SecretSource | None:
        """Where one of the texts that make up a key is read from, None where none is named."""
        places = [getattr(self, f"{part}_{end}") for end in ("file", "env", "credential")]
        return SecretSource(*places) if any(places) else None

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        sources = [self.source(part) for part in ("access_key", "secret_key", "session_token")]
        for source in filter(None, sources):
            if (source.file, source.env, source.credential).count(None) < 2:
                raise ValueError(
                    "a key has several sources; give one of _file, _env and _credential"
                )
        access, secret, token = sources
        if (access is None) != (secret is None):
            raise ValueError("give both access_key_... and secret_key_..., or neither")
        if token and not access:
            raise ValueError("a session_token_... belongs to an access_key_...")
        if access and self.profile:
            raise ValueError("give a profile or a key, not both")
        return self

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.kms_key and not (self.server_side_encryption or "").startswith("aws:kms"):
            raise ValueError("kms_key needs server_side_encryption: aws:kms")
        if self.endpoint and ("{" in self.endpoint or "?" in self.endpoint):
            raise ValueError("endpoint is one address for all files, without { and ?")
        return self


class WebdavDestinationConfig(ServerDestinationConfig):
    """A WebDAV share (RFC 4918)."""

    type: Literal["webdav"]
    url: Url = Field(
        description="template of a folder's address; folders that are missing are made"
    )
    name: Template = Field("{name}", description="template of the name below url")
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    auth: Auth = NoAuth()

    @property
    def folder(self) -> str:
        """The address of the lowest folder that all files share, which ends in a slash."""
        plain, brace, _ = self.url.partition("{")
        return plain[: plain.rindex("/") + 1] if brace else plain.rstrip("/") + "/"

    @property
    def below(self) -> str:
        """Template of the name below `folder`: what varies of the url, and then `name`."""
        varies = unquote(self.url[len(self.folder) :]).strip("/")
        return f"{varies}/{self.name}" if varies else self.name

    @model_validator(mode="after")
    def _folder_url(self) -> Self:
        if "?" in self.url:
            raise ValueError("the url of a share is that of a folder, without a ?")
        return self


class TusDestinationConfig(ServerDestinationConfig):
    """A server for resumable uploads by tus 1.0."""

    type: Literal["tus"]
    url: PlainUrl
    metadata: dict[MetadataKey, Template] = Field(
        default_factory=lambda: {"filename": "{name}", "filetype": "{media_type}"}
    )
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    auth: Auth = NoAuth()
    upload_origins: list[PlainUrl] = Field(
        default_factory=list,
        description="further servers that an upload may lie on; they are shown no secret",
    )
    one_request_up_to: Size = Field(
        0, description="smaller files go with their creation; a lost answer may then double one"
    )


class CloudinaryDestinationConfig(ServerDestinationConfig):
    """A cloud of Cloudinary: by an unsigned preset, or signed with a key."""

    type: Literal["cloudinary"]
    cloud: CloudName
    upload_preset: str | None = None
    api_key: str | None = None
    api_secret_file: LocalPath | None = None
    api_secret_env: str | None = None
    api_secret_credential: str | None = None
    signature: Literal["sha256", "sha1"] = "sha256"
    resource_type: Literal["auto", "image", "video", "raw"] = "auto"
    folder: Template | None = None
    asset_folder: Template | None = None
    public_id: Template = Field(
        "{sha256}", description="one that names the content lets no retry make a second asset"
    )
    overwrite: bool = Field(default=False, description="only where uploads are signed")
    chunk_size: Size = Field(20_000_000, description="larger files are sent in chunks of this size")
    endpoint: PlainUrl = "https://api.cloudinary.com"

    @property
    def api_secret(self) -> SecretSource:
        """Where the secret is read from, for a signed upload."""
        return SecretSource(self.api_secret_file, self.api_secret_env, self.api_secret_credential)

    @property
    def signed(self) -> bool:
        """Whether uploads are signed rather than let in by a preset."""
        return self.api_key is not None

    @model_validator(mode="after")
    def _let_in(self) -> Self:
        source = self.api_secret
        given = [at for at in (source.file, source.env, source.credential) if at is not None]
        if self.signed and len(given) != 1:
            raise ValueError(
                "api_key needs its secret; give exactly one of api_secret_file, api_secret_env "
                "and api_secret_credential"
            )
        if not self.signed and given:
            raise ValueError("a secret needs its api_key; give both, or neither")
        if not self.signed and not self.upload_preset:
            raise ValueError(
                "give upload_preset for unsigned uploads, or api_key and its secret for signed ones"
            )
        if self.overwrite and not self.signed:
            raise ValueError("overwrite needs signed uploads; give api_key and its secret")
        return self

    @field_validator("chunk_size")
    @classmethod
    def _large_enough(cls, size: int) -> int:
        if size <= 5 * 2**20:
            raise ValueError("Cloudinary takes chunks of more than 5MiB only; write 6MB or more")
        return size


class FolderDestinationConfig(DestinationConfig):
    """A folder on a disk or mount."""

    type: Literal["folder"]
    path: LocalPath
    name: Template = Field("{name}", description="template of the name in the folder")
    method: Literal["auto", "copy", "hardlink", "reflink"] = Field(
        "auto", description="auto shares blocks where the disk can, and copies elsewhere"
    )
    collision: Literal["skip_identical", "rename", "overwrite", "refuse"] = Field(
        "skip_identical", description="what becomes of a file whose name is taken"
    )


class PluginDestinationConfig(DestinationConfig):
    """A destination from another package; its own class checks the options."""

    options: dict[str, Any] = Field(default_factory=dict)


OWN: Final[Mapping[str, type[DestinationConfig]]] = {
    "http": HttpDestinationConfig,
    "s3": S3DestinationConfig,
    "webdav": WebdavDestinationConfig,
    "tus": TusDestinationConfig,
    "cloudinary": CloudinaryDestinationConfig,
    "folder": FolderDestinationConfig,
}
"""The types that come with inboxd, by the name that `type` gives them."""
