"""What tests of several folders use: studies, lakes, servers, rows."""
