"""What tests of the whole server share: a started server, an application, a device."""
