import {createRoot} from "react-dom/client";
import {App} from "./app";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/map.css";
import "./styles/traces.css";
import "./styles/service.css";
import "./styles/access.css";

createRoot(document.getElementById("root")!).render(<App />);
