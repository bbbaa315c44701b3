// One process for all tests, so that all drive the one service that it starts.
import "./access.js";
import "./client.js";
import "./changes.js";
import "./errors.js";
import "./export.js";
import "./package.js";
import "./paging.js";
import "./sending.js";
import "./streaming.js";
import "./wire.js";
