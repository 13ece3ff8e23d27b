"""What makes a package trustworthy to a device: signatures of digests in notices, and a TUF repository.

The names and shapes of `digestsign` are the platform's; facts about it come from public sources of device software
(AliOS Things, `components/ota/ota_agent` and `framework/uOTA`) and from the platform's pages on OTA updates.
"""
